# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets vxlanlab.vtep.vtep_ucast_remote take a file of the controller as src."""

from __future__ import annotations

from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.source_action import SourceAction as ActionModule

__all__ = ["ActionModule"]

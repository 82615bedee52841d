# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module of the collection as a process of its own, as Ansible runs it, without Ansible around it.

    module.py NAME < ARGUMENTS.json
"""

import importlib
import json
import sys

from ansible.module_utils.testing import patch_module_args

with patch_module_args(json.load(sys.stdin)):
    importlib.import_module(f"ansible_collections.vxlanlab.vtep.plugins.modules.{sys.argv[1]}").main()

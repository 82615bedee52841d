# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario or exercise is given by its name, or by a path."""

from __future__ import annotations

import pytest

from ansible_collections.vxlanlab.vtep.plugins.filter.lab_file import FilterModule


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("seed", "/lab/scenarios/seed.yml"),
        ("seed.yml", "/lab/scenarios/seed.yml.yml"),
        ("./mine.yml", "/home/me/./mine.yml"),
        ("labs/mine", "/home/me/labs/mine"),
        ("../mine.yml", "/home/me/../mine.yml"),
        ("/etc/mine.yml", "/etc/mine.yml"),
    ],
)
def test_a_name_or_a_path(given, path):
    assert FilterModule().filters()["lab_file"](given, "/lab/scenarios", "/home/me") == path

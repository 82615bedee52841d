# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection, installed once for all tests."""

from __future__ import annotations

import pytest
from away import Away, install


@pytest.fixture(scope="session")
def away(tmp_path_factory: pytest.TempPathFactory) -> Away:
    """The installed collection."""
    return install(tmp_path_factory.mktemp("away"))

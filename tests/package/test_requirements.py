# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exact versions in constraints.txt agree with the ranges in requirements*.txt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from away import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# It comes with the environment.
UNPINNED = {"pip"}
FILES = ("requirements.txt", "requirements-test.txt")


def requirements(path: Path, python: str) -> Iterator[Requirement]:
    """Read what a file asks of this Python."""
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            yield from requirements(path.parent / line.removeprefix("-r "), python)
        elif line and not line.startswith("#"):
            requirement = Requirement(line)
            if not requirement.marker or requirement.marker.evaluate({"python_version": python}):
                yield requirement


# scripts/setup uses the pins on these.
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_range_holds_one_pinned_version(python: str) -> None:
    pins: dict[str, list[str]] = {}
    for pin in requirements(ROOT / "constraints.txt", python):
        pins.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))
    wrong = []
    for requirement in (requirement for name in FILES for requirement in requirements(ROOT / name, python)):
        versions = pins.get(canonicalize_name(requirement.name), [])
        if requirement.name not in UNPINNED and not (len(versions) == 1 and requirement.specifier.contains(versions[0])):
            wrong.append(f"{requirement}: {versions}")
    assert not wrong, "make constraints pins anew"

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user did wrong, or what went wrong for a user, in words."""

from __future__ import annotations


class UserError(Exception):
    """A message for the person who wrote the task: the option, its value, and the remedy.

    A module ends with it as ``fail_json``, a filter or another plugin as Ansible's own error.
    """


def check(good: object, option: str, value: object, expected: str) -> None:
    """Raise ``UserError`` for an option whose value is not ``good``; ``expected`` says what would be."""
    if not good:
        raise UserError(f"{option}: {value!r} is not accepted: expected {expected}")


class MissingLibrary(UserError):
    """A Python library is not installed on the host that runs the module; ``trace`` says how its import failed."""

    def __init__(self, library: str, trace: str, reason: str | None = None) -> None:
        super().__init__(f"the Python library {library} is missing")
        self.library = library
        self.trace = trace
        self.reason = reason

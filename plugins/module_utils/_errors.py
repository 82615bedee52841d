# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user did wrong, or what went wrong for a user, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import text

T = TypeVar("T")


class UserError(Exception):
    """A message for the person who wrote the task: the option, its value, and the remedy.

    A module ends with it as ``fail_json``, a filter or another plugin as Ansible's own error. ``result`` is what a module
    has to tell besides.
    """

    def __init__(self, message: str, **result: Any) -> None:
        super().__init__(message)
        self.result = result


def check(good: object, option: str, value: object, expected: str) -> None:
    """Raise ``UserError`` for an option whose value is not ``good``; ``expected`` says what would be."""
    if not good:
        raise UserError(f"{option}: {value!r} is not accepted: expected {expected}")


def check_range(option: str, value: int, low: int, high: int | None = None, remedy: str = "Use {}.") -> None:
    """Raise ``UserError`` for a number below ``low`` or above ``high``; in ``remedy``, ``{}`` stands for the range."""
    if value < low or (high is not None and value > high):
        allowed = f"{low} or more" if high is None else f"{low} to {high}"
        raise UserError(f"{option}: {value} is out of range. {remedy.format(allowed)}")


def check_texts(options: Mapping[str, Any], within: str = "") -> None:
    """Raise ``UserError`` for a text with a NUL, which no path, command or address can have."""
    for name, value in options.items():
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict):
                check_texts(entry, f"{within}{name}: ")
            elif isinstance(entry, str):
                accepted(text, f"{within}{name}", entry)


def accepted(parse: Callable[[Any], T], option: str, value: object) -> T:
    """The value of an option as ``parse`` reads it; its ``ValueError``, which says what was expected, becomes ``UserError``."""
    try:
        return parse(value)
    except ValueError as error:
        raise UserError(f"{option}: {value!r} is not accepted: {error}") from None


class MissingLibrary(UserError):
    """A Python library is not installed on the host that runs the module; ``trace`` says how its import failed.

    ``reason`` says what needs it, as in "This is required REASON.", and ``url`` where it is found.
    """

    def __init__(self, library: str, trace: str, reason: str | None = None, url: str | None = None) -> None:
        super().__init__(f"the Python library {library} is missing")
        self.library = library
        self.trace = trace
        self.reason = reason
        self.url = url

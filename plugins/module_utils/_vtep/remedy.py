# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task as YAML, for a person to copy. Pure; PyYAML need not be on the host that runs a module."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

#: What YAML reads as text without quotes, in every version.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}


class Reached(Protocol):
    """Where a task is to run."""

    @property
    def name(self) -> str:
        """What the VTEP is called."""

    @property
    def database(self) -> str:
        """As the option ``database`` takes it; empty where it is not known."""

    @property
    def host(self) -> str:
        """The host on which that is the database, if it is not the one that runs the play."""


def task(words: str, module: str, vtep: Reached, **options: Any) -> str:
    """One task of a module of this collection on the database of a VTEP.

    It always names one: without, it would go to whichever server is the default. Words in place of an address are refused by every module.
    """
    lines = [f"- name: {_text(words)}", *([f"  delegate_to: {_text(vtep.host)}"] if vtep.host else []), f"  vxlanlab.vtep.{module}:"]
    for name, value in {"database": vtep.database or f"the database of {vtep.name}", **options}.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            lines += [f"    {name}:", *(f"      - {_flow(one)}" for one in value)]
        else:
            lines.append(f"    {name}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _text(value)


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    quoted = "".join(_character(one) for one in value)
    # Ansible would take it for a template.
    return f'!unsafe "{quoted}"' if "{{" in value or "{%" in value or "{#" in value else f'"{quoted}"'


def _character(one: str) -> str:
    if one in '"\\':
        return f"\\{one}"
    if one.isprintable():
        return one
    return f"\\u{ord(one):04x}" if ord(one) < 0x10000 else f"\\U{ord(one):08x}"

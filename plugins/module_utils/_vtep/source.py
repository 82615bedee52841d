# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bulk input from a file: JSON, YAML or CSV, told by the end of its name."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError

OPTIONS = {"src": {"type": "path"}, "remote_src": {"type": "bool", "default": False}}


def load(path: str) -> Any:
    """What the file holds; of a CSV file a list of dictionaries, without the cells that are empty."""
    suffix = os.path.splitext(path)[1].lower()
    reader = _READERS.get(suffix)
    if reader is None:
        raise UserError(f"src: {os.path.basename(path)!r} is not accepted: expected a name that ends in {', '.join(_READERS)}")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return reader(file)
    except OSError as error:
        raise UserError(
            f"src: cannot read {path!r} on the host that runs the module: {error.strerror}; remote_src: false takes the controller's"
        ) from None
    except ValueError as error:
        raise UserError(f"src: {os.path.basename(path)!r} is broken: {error}") from None


def load_entries(path: str, options: set[str], needed: str | None) -> list[dict]:
    """A list of dictionaries that hold these options and no others; ``needed`` in each of them."""
    entries = load(path)
    place = place_in(path)
    if not isinstance(entries, list):
        raise UserError(f"src: {os.path.basename(path)!r} has to hold a list of entries")
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not entry.keys() <= options:
            unknown = ", ".join(sorted(map(str, entry.keys() - options))) if isinstance(entry, dict) else repr(entry)
            raise UserError(f"{place(index, None)}: {unknown} is not known there; known: {', '.join(sorted(options))}")
        if needed and entry.get(needed) is None:
            raise UserError(f"{place(index, None)}.{needed}: needed")
    return entries


def place_in(path: str) -> Callable[[int, Any], str]:
    """Where an entry stands, as the user sees it: the line of a CSV file, else its place in the list."""
    name = os.path.basename(path)
    if path.lower().endswith(".csv"):
        return lambda index, unused: f"src {name}, line {index + 2}"
    return lambda index, unused: f"src {name}[{index}]"


def _read_csv(file: Any) -> list[dict]:
    rows = csv.DictReader(file, restkey="more", strict=True)
    try:
        # Several locators share a cell, separated by spaces.
        return [
            {name: value.split() if name == "locators" else value for name, value in row.items() if value not in (None, "")} for row in rows
        ]
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num}: {error}") from None


def _read_yaml(file: Any) -> Any:
    try:
        import yaml
    except ImportError:
        raise UserError("src: reading YAML takes PyYAML on the host that runs the module; install it, or use JSON or CSV") from None
    try:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


_READERS: dict[str, Callable[[Any], Any]] = {".json": json.load, ".yml": _read_yaml, ".yaml": _read_yaml, ".csv": _read_csv}

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bulk input from a file: JSON, YAML or CSV, told by the end of its name.

A file is read right or refused: nothing in it is passed over, and a key that is there twice is an error, not the last one's win.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._files import LARGEST, open_file

OPTIONS = {"src": {"type": "path"}, "remote_src": {"type": "bool", "default": False}}

#: How deep lists and dictionaries may be nested in YAML; the deepest structure that a module takes is 6 deep.
DEEPEST = 64
#: Values in a YAML file, each alias (``*name``) counted as all that it stands for.
MOST_VALUES = 20_000_000

#: What may be between the cells of a CSV file: office programs write what is usual in their user's country.
_SEPARATORS = ",;\t"


def load(path: str) -> Any:
    """What a JSON or YAML file holds. Raises ``UserError`` that names the file, and the place in it."""
    reader = _reader(path, _READERS)
    return reader(path)


def load_entries(path: str, options: set[str], needed: str | None) -> tuple[list[dict], Callable[[int, Any], str]]:
    """A list of dictionaries that hold these options and no others, ``needed`` in each of them; and where each of them stands.

    A CSV file has a line with the names of its columns and a line for each entry; a cell that is empty says nothing.
    Raises ``UserError`` that names the file, and the place in it.
    """
    name = os.path.basename(path)
    if _reader(path, {**_READERS, ".csv": _text}) is _text:
        return _read_csv(path, options, needed)
    entries = load(path)

    def place(index: int, unused: Any) -> str:
        return f"src {name}[{index}]"

    if not isinstance(entries, list):
        raise UserError(f"src: {name!r} must contain a list of entries")
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise UserError(f"{place(index, None)}: expected a dictionary, got {entry!r}")
        if not entry.keys() <= options:
            unknown = sorted(map(str, entry.keys() - options))
            raise UserError(f"{place(index, None)}: unknown key {unknown[0]!r}; expected: {', '.join(sorted(options))}")
        if needed and entry.get(needed) is None:
            raise UserError(f"{place(index, None)}.{needed}: required")
    return entries, place


def _reader(path: str, readers: dict[str, Callable[[str], Any]]) -> Callable[[str], Any]:
    reader = readers.get(os.path.splitext(path)[1].lower())
    if reader is None:
        raise UserError(f"src: {os.path.basename(path)!r} is not accepted: expected a name that ends in {', '.join(readers)}")
    return reader


def _text(path: str) -> str:
    remedy = "the path is one of the host that runs the module; use remote_src: false for a file of the controller"
    with open_file(path, "src", remedy=remedy) as file:
        # One byte more shows a file that grows.
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise UserError(f"src: {path!r} has more than {LARGEST:,} bytes; split it")
    try:
        # Office programs begin a file with a byte order mark.
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        _broken(path, f"line {line}: byte 0x{raw[error.start]:02x} is not UTF-8; save it as UTF-8")


def _broken(path: str, why: str) -> NoReturn:
    raise UserError(f"src: {os.path.basename(path)!r} is broken: {why}")


# -- JSON -----------------------------------------------------------------------------------------------------------


def _read_json(path: str) -> Any:
    try:
        return json.loads(_text(path), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        _broken(path, "lists and objects are nested too deep")
    except ValueError as error:
        _broken(path, str(error))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, unused in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object; keep one of them")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not valid in JSON (RFC 8259, section 6)")


# -- YAML -----------------------------------------------------------------------------------------------------------


def _read_yaml(path: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise UserError("src: reading YAML requires PyYAML on the host that runs the module; install it, or use JSON or CSV") from None
    text = _text(path)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Before any of it is built: what libyaml nests too deep crashes the process, and aliases multiply.
        _check_events(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        _broken(path, " ".join(str(error).split()))
    except ValueError as error:
        _broken(path, str(error))


@dataclass
class _Open:
    """A list or dictionary whose end has not come yet."""

    anchor: str | None
    is_mapping: bool
    values: int = 1
    children: int = 0
    keys: set[str] = field(default_factory=set)


def _check_events(events: Iterator[Any]) -> None:
    """Refuse what is nested too deep, keys that are there twice, and aliases that stand for too much. Raises ``ValueError``."""
    sizes: dict[str, int] = {}
    opened = [_Open(None, is_mapping=False)]
    for event in events:
        kind = type(event).__name__
        if kind in ("SequenceStartEvent", "MappingStartEvent"):
            _count_child(opened[-1], None, event)
            opened.append(_Open(event.anchor, kind == "MappingStartEvent"))
            if len(opened) > DEEPEST:
                raise ValueError(f"{_line(event)}: lists and dictionaries are nested more than {DEEPEST} deep")
            # Within itself an alias stands for no end.
            sizes.pop(event.anchor, None)
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            done = opened.pop()
            opened[-1].values += done.values
            if done.anchor:
                sizes[done.anchor] = done.values
        elif kind == "ScalarEvent":
            _count_child(opened[-1], event.value, event)
            opened[-1].values += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif kind == "AliasEvent":
            _count_child(opened[-1], None, event)
            if event.anchor not in sizes:
                raise ValueError(f"{_line(event)}: the alias *{event.anchor} has no anchor before it, or stands within its own")
            opened[-1].values += sizes[event.anchor]
        if opened[-1].values > MOST_VALUES:
            raise ValueError(f"{_line(event)}: more than {MOST_VALUES:,} values, aliases counted as what they stand for; split it")


def _count_child(parent: _Open, text: str | None, event: Any) -> None:
    if parent.is_mapping and parent.children % 2 == 0 and text is not None:
        if text in parent.keys:
            raise ValueError(f"{_line(event)}: the key {text!r} occurs twice in one dictionary; keep one of them")
        parent.keys.add(text)
    parent.children += 1


def _line(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"


_READERS: dict[str, Callable[[str], Any]] = {".json": _read_json, ".yml": _read_yaml, ".yaml": _read_yaml}


# -- CSV ------------------------------------------------------------------------------------------------------------


def _read_csv(path: str, options: set[str], needed: str | None) -> tuple[list[dict], Callable[[int, Any], str]]:
    """The entries of a CSV file (RFC 4180), and the line on which each of them begins."""
    name = os.path.basename(path)
    text = _text(path)
    lines: list[int] = []
    entries: list[dict] = []

    def place(index: int, unused: Any) -> str:
        return f"src {name}, line {lines[index]}"

    records = _records(text, _separator(text, options), name)
    for line, header in records:
        columns = _columns(header, options, needed, f"src {name}, line {line}")
        break
    else:
        raise UserError(f"src: {name!r} is empty; the first line of a CSV file names its columns: {', '.join(sorted(options))}")
    for line, cells in records:
        if len(cells) != len(columns):
            raise UserError(
                f"src {name}, line {line}: {len(cells)} cells, where the first line names {len(columns)} columns; leave the cell of a "
                "value that is not given empty, and put a cell with a separator into quotes"
            )
        # Several locators share a cell, separated by spaces.
        entry = {column: cell.split() if column == "locators" else cell for column, cell in zip(columns, cells) if cell}
        if needed and needed not in entry:
            raise UserError(f"src {name}, line {line}.{needed}: required")
        lines.append(line)
        entries.append(entry)
    return entries, place


def _records(text: str, separator: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The records that are not empty, each with the line on which it begins: a cell in quotes may go over several."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"src: {name!r} is broken: line {line}: {error}") from None
        if any(cells):
            yield line, cells


def _separator(text: str, options: set[str]) -> str:
    """The character that is between the names of the columns."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    for separator in _SEPARATORS:
        names = [cell.strip().strip('"') for cell in first.split(separator)]
        if len(names) > 1 and options.issuperset(names):
            return separator
    return _SEPARATORS[0]


def _columns(header: list[str], options: set[str], needed: str | None, where: str) -> list[str]:
    unknown = [cell for cell in header if cell not in options]
    if unknown:
        raise UserError(
            f"{where}: {unknown[0]!r} is not a known column; the first line of a CSV file names its columns, separated by commas, "
            f"semicolons or tabs: {', '.join(sorted(options))}"
        )
    twice = [cell for cell in header if header.count(cell) > 1]
    if twice:
        raise UserError(f"{where}: the column {twice[0]!r} occurs twice; keep one of them")
    if needed and needed not in header:
        raise UserError(f"{where}: the column {needed!r} is required")
    return header

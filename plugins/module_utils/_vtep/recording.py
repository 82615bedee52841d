# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lines of a recording say. Pure; each line is a dictionary, whose ``event`` says which kind it is."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import tree
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Current
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, clearable, writer

#: The version of the format.
FORMAT = 1
#: The kinds of lines.
STARTED, TRANSACTION, LOST, RECONNECTED, ENDED = "started", "transaction", "lost", "reconnected", "ended"


def line(event: str, seconds: float, **rest: Any) -> dict[str, Any]:
    """A line; ``seconds`` since the epoch."""
    return {"event": event, "time": _time(seconds, "microseconds"), **rest}


def said(commits: list[tuple[float, str]]) -> dict[str, Any]:
    """What the file of the database says of the transactions of a line: when the last was committed, and what their writers say."""
    if not commits:
        return {}
    comments = [comment for unused, comment in commits if comment]
    return {"committed": _time(commits[-1][0], "milliseconds"), **({"comments": comments} if comments else {})}


def _time(seconds: float, precision: str) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec=precision).replace("+00:00", "Z")


def started(seconds: float, database: str, schema: str, current: Current | None, options: dict[str, Any]) -> dict[str, Any]:
    """The first line: what is recorded, and how, and, where ``current`` is given, what the database holds at the beginning."""
    initial = {} if current is None else {"initial": _without_uuids(tree.gather(current, tree.TREE))}
    return line(STARTED, seconds, format=FORMAT, database=database, options=options, schema=schema, tables=legend(), **initial)


def legend() -> dict[str, dict[str, Any]]:
    """What a reader has to know of each table: where its rows are in the structure of vtep_config, what names a row, and who writes it."""
    found: dict[str, dict[str, Any]] = {}
    for part, branch in tree.TREE.items():
        for place, one in (([part], branch), *(([part, inner.name], inner) for inner in branch.inner)):
            columns = TABLES[one.table].columns
            found[one.table] = {
                "place": place,
                "list": one.as_list,
                "key": [key.option for key in TABLES[one.table].key],
                "columns": {column.option or name: writer(one.table, name) for name, column in columns.items()},
                "clear": list(clearable(one.table)),
                "status": [column.option or name for name, column in columns.items() if column.status],
                "writer": writer(one.table),
            }
    return found


def _without_uuids(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _without_uuids(value) for name, value in data.items() if name != "_uuid"}
    if isinstance(data, list):
        return [_without_uuids(member) for member in data]
    return data

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What vtep_record has written, as filters take it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import kind

#: The lines that hold changes.
WITH_CHANGES = ("transaction", "reconnected")
_KNOWN = ("started", *WITH_CHANGES, "lost", "ended")


def read(recording: Any) -> list[dict[str, Any]]:
    """The lines of a recording, which is the text of the file, or the list that vtep_record returns, or a part of either.

    Raises ``UserError`` for anything else.
    """
    if isinstance(recording, str):
        # Names may hold what else would count as the end of a line.
        *texts, last = recording.split("\n")
        # The last of several may still be written to, or be all that a process could write before it was killed.
        texts += [last] if _is_json(last) or (last and not texts) else []
        return [_line(text, f"line {index + 1}") for index, text in enumerate(texts)]
    if isinstance(recording, (Mapping, bytes)) or not isinstance(recording, Iterable):
        raise UserError(f"expected the recording as text or as a list of its lines, got {kind(recording)}")
    return [_line(one, f"line {index + 1}") for index, one in enumerate(recording)]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _line(said: Any, where: str) -> dict[str, Any]:
    if isinstance(said, str):
        try:
            said = json.loads(said)
        except ValueError as error:
            raise UserError(f"{where} is not JSON: {error}; give the contents of the file that vtep_record wrote, as they are") from None
    if not isinstance(said, Mapping) or said.get("event") not in _KNOWN:
        raise UserError(f"{where} is no line of a recording: expected a dictionary whose event is one of {', '.join(_KNOWN)}")
    if not isinstance(said.get("time"), str):
        raise UserError(f"{where}: time is missing; give the line that vtep_record wrote as it is")
    return dict(said)


def seconds(line: Mapping[str, Any]) -> float:
    """When a line was written, in seconds since the epoch."""
    try:
        # Python 3.10 does not know the letter.
        return datetime.fromisoformat(line["time"].replace("Z", "+00:00")).astimezone(timezone.utc).timestamp()
    except ValueError:
        raise UserError(f"time: {line['time']!r} is not accepted: expected ISO 8601, as vtep_record writes it") from None

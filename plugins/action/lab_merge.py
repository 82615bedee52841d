# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import json
import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.vxlanlab.vtep.plugins.module_utils._capture_file import file_frames
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._files import open_file
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.comments import comments
from ansible_collections.vxlanlab.vtep.plugins.module_utils._pcapng import Captured, merged
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils import folder


class ActionModule(ActionBase):
    """The captures of a lab on the controller, merged in this process."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the captures that ``summary`` names, and write them to ``dest``."""
        result = super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(
            {"summary": {"type": "path", "required": True}, "dest": {"type": "path", "required": True}}
        )
        place, name = os.path.split(os.path.abspath(options["dest"]))
        try:
            captures = read(options["summary"])
        except UserError as error:
            raise AnsibleActionFail(str(error)) from None
        data = b"".join(merged(captures))
        try:
            with folder.opened(place) as held:
                changed = folder.content(held, name) != data
                if changed and not self._task.check_mode:
                    folder.put(held, name, io.BytesIO(data))
        except OSError as error:
            raise AnsibleActionFail(
                f"dest: {options['dest']} cannot take the file: {error.strerror}. Name a file in a folder that this user writes to."
            ) from None
        return {**result, "changed": changed, "packets": sum(len(capture.frames) for capture in captures)}


def read(path: str) -> list[Captured]:
    """The captures of a summary."""
    with open_file(path, "summary", remedy="run the lab first") as file:
        try:
            summary = json.load(file)
            headings = {chapter["key"]: chapter["heading"] for chapter in summary["chapters"]}
            walks = [(walk["file"], walk["point"], comments(walk, headings[walk["chapter"]])) for walk in summary["walks"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(f"summary: {path!r} is not the summary.json of a lab; name that of its artifacts") from None
    return [Captured(point, list(file_frames(os.path.join(os.path.dirname(path), name))), told) for name, point, told in walks]

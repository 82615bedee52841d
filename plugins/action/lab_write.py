# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.filter.core import to_nice_json

from ansible_collections.vxlanlab.vtep.plugins.plugin_utils import folder


class ActionModule(ActionBase):
    """Files of one folder of the controller, written and removed in this process."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the texts of ``files`` and remove the files of ``absent``."""
        result = super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(
            {
                "dest": {"type": "path", "required": True},
                "files": {"type": "dict", "default": {}},
                "absent": {"type": "list", "elements": "str", "default": []},
            }
        )
        dest = os.path.abspath(options["dest"])
        wanted: dict[str, bytes | None] = dict.fromkeys(options["absent"])
        for name, text in options["files"].items():
            if name in wanted:
                raise AnsibleActionFail(f"absent: {name} is in files as well. Leave it out of one of them.")
            if not isinstance(text, (str, dict, list)):
                raise AnsibleActionFail(
                    f"files: {name}: {text!r} is not accepted: expected a text, a dict or a list. Use the filter string."
                )
            wanted[name] = (text if isinstance(text, str) else to_nice_json(text)).encode()
        for name in wanted:
            if os.path.basename(name) != name or name in ("", ".", "..") or "\0" in name:
                option = "absent" if wanted[name] is None else "files"
                raise AnsibleActionFail(f"{option}: {name!r} is not accepted: expected the name of a file, without a folder")
        try:
            changes = self._write(dest, wanted)
        except OSError as error:
            raise AnsibleActionFail(
                f"dest: {dest} cannot take the files: {error.strerror}. Name a folder that this user writes to."
            ) from None
        if self._task.diff:
            result["diff"] = [
                {"before_header": f"{dest}/{name}", "after_header": f"{dest}/{name}", "before": _text(before), "after": _text(after)}
                for name, (before, after) in changes.items()
            ]
        return {**result, "changed": bool(changes), "files": [os.path.join(dest, name) for name in options["files"]]}

    def _write(self, dest: str, wanted: dict[str, bytes | None]) -> dict[str, tuple[bytes | None, bytes | None]]:
        """What changes: the content before and after, by name."""
        if not os.path.isdir(dest) and (self._task.check_mode or not any(text is not None for text in wanted.values())):
            return {name: (None, text) for name, text in wanted.items() if text is not None}
        changes = {}
        with folder.opened(dest) as held:
            for name, text in wanted.items():
                before = folder.content(held, name)
                if before == text and (text is not None or not _is_there(held, name)):
                    continue
                changes[name] = (before, text)
                if self._task.check_mode:
                    continue
                if text is None:
                    os.unlink(name, dir_fd=held)
                else:
                    folder.put(held, name, io.BytesIO(text))
        return changes


def _is_there(held: int, name: str) -> bool:
    """Whether something has this name, if only a link to nothing."""
    try:
        os.stat(name, dir_fd=held, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _text(content: bytes | None) -> str:
    return "" if content is None else content.decode(errors="replace")

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any

import ansible.constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Files of the node, fetched into a private folder, and from there put in place."""

    TRANSFERS_FILES = True
    _supports_check_mode = False

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fetch the files that ``src`` names, and return where they are."""
        result = super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(
            {"src": {"type": "list", "elements": "str", "required": True}, "dest": {"type": "path", "required": True}}
        )
        names = [os.path.basename(path) for path in options["src"]]
        folder = os.path.abspath(options["dest"])
        for path, name in zip(options["src"], names):
            if not os.path.isabs(path) or not name or "\0" in path:
                raise AnsibleActionFail(f"src: {path!r} is not accepted: expected the absolute path of a file")
            if names.count(name) > 1:
                raise AnsibleActionFail(f"src: {name} is there twice. Fetch files of one name into folders of their own.")
        with tempfile.TemporaryDirectory(dir=C.DEFAULT_LOCAL_TMP) as private:
            for path, name in zip(options["src"], names):
                self._connection.fetch_file(path, os.path.join(private, name))
            try:
                put(private, names, folder)
            except (OSError, ValueError) as error:
                raise AnsibleActionFail(
                    f"dest: {folder} cannot take the files: {error}. Name a folder that this user writes to."
                ) from error
        return {**result, "changed": bool(names), "files": [os.path.join(folder, name) for name in names]}


def put(source: str, names: Sequence[str], folder: str) -> None:
    """Copy files from one folder into another, in place of what has their names there, links included."""
    os.makedirs(folder, exist_ok=True)
    # Held open, the folder cannot become another one in between.
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names:
            copy = f".{secrets.token_hex(8)}"
            written = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=held)
            try:
                with open(written, "wb") as target, open(os.path.join(source, name), "rb") as fetched:
                    shutil.copyfileobj(fetched, target)
                os.replace(copy, name, src_dir_fd=held, dst_dir_fd=held)
            except BaseException:
                os.unlink(copy, dir_fd=held)
                raise
    finally:
        os.close(held)

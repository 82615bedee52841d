# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import tempfile
from typing import Any

import ansible.constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.vxlanlab.vtep.plugins.plugin_utils import folder


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
        dest = os.path.abspath(options["dest"])
        for path, name in zip(options["src"], names):
            if not os.path.isabs(path) or not name or "\0" in path:
                raise AnsibleActionFail(f"src: {path!r} is not accepted: expected the absolute path of a file")
            if names.count(name) > 1:
                raise AnsibleActionFail(f"src: {name} is there twice. Fetch files of one name into folders of their own.")
        with tempfile.TemporaryDirectory(dir=C.DEFAULT_LOCAL_TMP) as private:
            for path, name in zip(options["src"], names):
                self._connection.fetch_file(path, os.path.join(private, name))
            try:
                with folder.opened(dest) as held:
                    for name in names:
                        with open(os.path.join(private, name), "rb") as fetched:
                            folder.put(held, name, fetched)
            except (OSError, ValueError) as error:
                raise AnsibleActionFail(f"dest: {dest} cannot take the files: {error}. Name a folder that this user writes to.") from None
        return {**result, "changed": bool(names), "files": [os.path.join(dest, name) for name in names]}

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of ``src``: a file of the controller is brought to the host that runs the module."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._files import open_file


class SourceAction(ActionBase):
    """Runs the module of the same name, with ``src`` replaced by the path of the copy."""

    TRANSFERS_FILES = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; a file of the controller that ``src`` names is copied first, unless ``remote_src`` is true."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        try:
            if arguments.get("src") and not boolean(arguments.get("remote_src", False)):
                arguments["src"] = self._copied(arguments["src"])
            result.update(self._execute_module(module_args=arguments, task_vars=task_vars))
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _copied(self, name: str) -> str:
        try:
            found = self._find_needle("files", name)
            # The copy of a FIFO would wait for a writer.
            open_file(found, "src").close()
        except (AnsibleError, UserError) as error:
            raise AnsibleActionFail(str(error) if isinstance(error, UserError) else f"src: {error}") from error
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        # The name is kept, since its end tells the format and messages show it.
        copy = self._connection._shell.join_path(self._connection._shell.tmpdir, os.path.basename(found))
        self._transfer_file(found, copy)
        self._fixup_perms2((self._connection._shell.tmpdir, copy))
        return copy

#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_merge
short_description: Merge the captures of a lab into one that explains itself
version_added: 0.1.0
description:
  - Writes all packets of a lab's captures into one pcapng file, in the order of their time, with the point where each was captured as its
    interface, and a comment that says which step of the walk it is, why it is there, and which row decides.
  - Wireshark shows the comments above a packet, and C(tshark -T fields -e frame.comment) prints them.
options:
  summary:
    description: Path of the lab's C(summary.json). The captures are in the same folder.
    type: path
    required: true
  dest:
    description: Path of the file to write.
    type: path
    required: true
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Merge the captures
  vxlanlab.vtep.lab_merge:
    summary: artifacts/summary.json
    dest: artifacts/walk.pcapng
"""

RETURN = r"""
packets:
  description: Number of packets in the file.
  returned: success
  type: int
"""

import json
import os
import tempfile
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._capture_file import file_frames
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, check_texts
from ansible_collections.vxlanlab.vtep.plugins.module_utils._files import open_file
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.comments import comments
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._pcapng import Captured, merged


def read(path: str) -> list[Captured]:
    """The captures of a summary."""
    with open_file(path, "summary", remedy="run the lab first") as file:
        try:
            summary = json.load(file)
            headings = {chapter["key"]: chapter["heading"] for chapter in summary["chapters"]}
            walks = [(walk["file"], walk["point"], comments(walk, headings[walk["chapter"]])) for walk in summary["walks"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(f"summary: {path!r} is not the summary.json of a lab; name that of its artifacts") from None
    folder = os.path.dirname(path)
    return [Captured(point, list(file_frames(os.path.join(folder, name))), told) for name, point, told in walks]


def run(module: AnsibleModule) -> dict[str, Any]:
    check_texts(module.params)
    captures = read(module.params["summary"])
    data = b"".join(merged(captures))
    dest = module.params["dest"]
    try:
        with open(dest, "rb") as file:
            changed = file.read() != data
    except FileNotFoundError:
        changed = True
    except OSError as error:
        raise UserError(f"dest: cannot read {dest!r}: {error.strerror}; name a file in a folder of yours") from None
    if changed and not module.check_mode:
        handle, new = tempfile.mkstemp(dir=module.tmpdir)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(new, 0o644)
        module.atomic_move(new, dest)
    return {"changed": changed, "packets": sum(len(capture.frames) for capture in captures)}


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={"summary": {"type": "path", "required": True}, "dest": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    finish(module, lambda: run(module))


if __name__ == "__main__":
    main()

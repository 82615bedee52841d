#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_record
short_description: Record what is written into a VTEP database
version_added: 0.1.0
description:
  - Follows an OVSDB database hardware_vtep in the background with the method C(monitor) (RFC 7047, section 4.1.5), and appends
    one line of JSON to a file for each change that the server reports, from O(state=started) to O(state=stopped). The task
    returns, and the recorder goes on.
  - Rows have the names by which the other modules know them. A line holds the time, and of each changed row what it was and what it is.
  - All that is committed after a task with O(state=started) has returned, and before one with O(state=stopped) begins, is in the recording. A
    server reports transactions together that it commits at nearly the same time, or faster than the recorder reads them; then one line has what
    all of them have changed.
  - If the server is restarted or lost, the recorder connects again, and records the differences between what it knew and what
    there is.
  - The filter P(vxlanlab.vtep.vtep_timeline#filter) makes a recording readable, and P(vxlanlab.vtep.vtep_replay#filter) makes tasks of it.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.attributes
options:
  path:
    description:
      - The recording, an absolute path, on the host that runs the module. It identifies the recording. The directory must exist.
      - O(state=started) replaces a recording that has ended, and refuses to replace any other file. Only its owner can read the file.
    type: path
    required: true
  state:
    description:
      - V(started) starts a recorder, unless one is writing to O(path) already, and returns when it has recorded the beginning. One that
        records another database, or with other options than these, is an error.
      - V(stopped) ends the recorder, when it has written all that was committed before. If the recorder has ended at one of its bounds,
        there is nothing to do. A recording that ended without saying why, because its process was killed or the host was
        restarted, is an error. Besides the options of the connection, only O(path) and O(contents) have an effect.
    type: str
    choices: [started, stopped]
    required: true
  initial:
    description:
      - Whether the first line has the contents of the database at the beginning, without which a recording cannot be
        replayed on an empty database. Each MAC address takes about 50 bytes.
    type: bool
    default: true
  status:
    description:
      - Whether to record what the VTEP reports in columns that only it writes, such as C(bfd_status), C(port_fault_status) and
        C(is_connected).
    type: bool
    default: true
  database_file:
    description:
      - File of the server's database, where the module runs on the host of the server, such as V(/etc/openvswitch/vtep.db).
      - The server's updates do not say who has made a change. This file has the comment that a writer may add to a transaction, and
        C(vtep-ctl) and C(ovn-controller-vtep) add one. The recorder reads it along, and adds comments and the time of the commit to the lines.
      - Not for a clustered database.
    type: path
  max_bytes:
    description:
      - Size that the recording must not exceed, in bytes, 65536 to 9223372036854775807. Before the line that would exceed it, the
        recorder writes its last line and ends.
    type: int
    default: 1073741824
  max_seconds:
    description:
      - Time after which the recorder ends, in seconds, 1 to 2147483647. By default there is no limit.
    type: int
  max_transactions:
    description:
      - Number of transactions after which the recorder ends, 1 to 2147483647. By default there is no limit.
    type: int
  contents:
    description:
      - Whether to return the recording. Requires O(state=stopped).
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    details: No recorder is started or stopped.
  diff_mode:
    support: none
requirements:
  - Linux 5.3 or later
seealso:
  - plugin: vxlanlab.vtep.vtep_timeline
    plugin_type: filter
  - plugin: vxlanlab.vtep.vtep_replay
    plugin_type: filter
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Record what the controller writes
  vxlanlab.vtep.vtep_record:
    path: /var/tmp/controller.jsonl
    state: started
    max_seconds: 3600

- name: End the recording
  vxlanlab.vtep.vtep_record:
    path: /var/tmp/controller.jsonl
    state: stopped
    contents: true
  register: recorded

- name: Show who wrote what
  ansible.builtin.debug:
    msg: "{{ recorded.recording | vxlanlab.vtep.vtep_timeline }}"
"""

RETURN = r"""
path:
  description: The recording.
  returned: success
  type: str
  sample: /var/tmp/controller.jsonl
pid:
  description: The process that records; null if there is none, and in check mode.
  returned: success
  type: int
transactions:
  description: Number of recorded transactions.
  returned: O(state=stopped), unless there is no recording
  type: int
  sample: 12
bytes:
  description: Size of the recording.
  returned: O(state=stopped), unless there is no recording
  type: int
  sample: 8192
why:
  description:
    - What ended the recording. V(stopped), the name of the option whose bound is reached, or V(fault) and what is wrong, such as no space left.
  returned: O(state=stopped), unless there is no recording
  type: str
  sample: stopped
complete:
  description:
    - Whether the recording is known to have all up to its end. It is not if the server could not be reached at the end.
  returned: O(state=stopped), unless there is no recording
  type: bool
recording:
  description: The lines of the recording, see docs/record.md in the collection.
  returned: O(state=stopped) and O(contents=true), unless there is no recording
  type: list
  elements: dict
  contains:
    event:
      description: V(started), V(transaction), V(lost), V(reconnected) or V(ended).
      type: str
    time:
      description: When the recorder heard of it, in UTC (ISO 8601 with microseconds).
      type: str
      sample: "2026-01-02T03:04:05.678901Z"
    comments:
      description: What the writers of a transaction say of it. Only with O(database_file), and if they say something.
      type: list
      elements: str
      sample: ["vtep-ctl: vtep-ctl add-ls ls0"]
    committed:
      description: When the server committed the transaction, in UTC (ISO 8601 with milliseconds). Only with O(database_file).
      type: str
      sample: "2026-01-02T03:04:05.677Z"
    changes:
      description: Of a transaction, and of what changed while the server was lost, the rows.
      type: list
      elements: dict
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.recorder import started, stopped


def run(module: VtepModule) -> dict:
    work = started if module.params["state"] == "started" else stopped
    # The options of the connection are checked even where there is nothing to connect to.
    result = work(module.database(), module.params, module.check_mode)
    if result.get("complete") is False:
        module.warn(
            f"what came last may be missing in {result['path']}: it ended ({result['why']}) before the server could be asked for it"
        )
    return result


def main() -> None:
    module = VtepModule(
        {
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped"], "required": True},
            "initial": {"type": "bool", "default": True},
            "status": {"type": "bool", "default": True},
            "database_file": {"type": "path"},
            "max_bytes": {"type": "int", "default": 2**30},
            "max_seconds": {"type": "int"},
            "max_transactions": {"type": "int"},
            "contents": {"type": "bool", "default": False},
        },
        state=False,
    )
    module.finish(lambda: run(module))


if __name__ == "__main__":
    main()

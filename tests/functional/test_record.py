# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vtep_record against real servers: what is recorded, what survives a restart of the server, where it ends."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def recording(task, tmp_path: Path):
    """A recording that runs, and does not afterwards."""
    path = tmp_path / "recording.jsonl"

    class Recording:
        def __init__(self) -> None:
            self.path = str(path)

        def start(self, **options):
            return task("vtep_record", path=self.path, state="started", **options)

        def stop(self, **options):
            return task("vtep_record", path=self.path, state="stopped", contents=True, **options)

    running = Recording()
    yield running
    task("vtep_record", path=running.path, state="stopped", timeout=20)


def test_what_is_recorded(task, recording):
    task("vtep_config", config={"physical_switches": {"br0": {"ports": {"vm1": {}}}}})
    assert recording.start()["changed"]
    assert not recording.start()["changed"]
    task("vtep_logical_switch", name="ls0", tunnel_key=5000)
    task("vtep_binding", physical_switch="br0", port="vm1", vlan=7, logical_switch="ls0")
    task("vtep_ucast_remote", logical_switch="ls0", mac="00:00:00:00:00:01", locator="10.0.0.1")
    task("vtep_mcast_remote", logical_switch="ls0", locators=["10.0.0.1", "10.0.0.2"])
    task("vtep_mcast_remote", logical_switch="ls0", locators=["10.0.0.2"], exclusive=True)
    result = recording.stop()
    assert (result["changed"], result["transactions"], result["why"], result["complete"]) == (True, 5, "stopped", True)
    first, *transactions, last = result["recording"]
    assert first["initial"]["physical_switches"]["br0"]["ports"].keys() == {"vm1"}
    assert [[(one["table"], one["action"], one["row"]) for one in line["changes"]] for line in transactions] == [
        [("Logical_Switch", "insert", {"name": "ls0"})],
        [("Physical_Port", "modify", {"physical_switch": "br0", "port": "vm1"})],
        [
            ("Ucast_Macs_Remote", "insert", {"logical_switch": "ls0", "mac": "00:00:00:00:00:01"}),
            ("Physical_Locator", "insert", {"locator": "10.0.0.1"}),
        ],
        [
            ("Mcast_Macs_Remote", "insert", {"logical_switch": "ls0", "mac": "unknown-dst"}),
            ("Physical_Locator", "insert", {"locator": "10.0.0.2"}),
        ],
        [("Mcast_Macs_Remote", "modify", {"logical_switch": "ls0", "mac": "unknown-dst"})],
    ]
    assert transactions[0]["changes"][0]["after"] == {"tunnel_key": 5000}
    assert transactions[1]["changes"][0]["before"] == {"vlan_bindings": None}
    assert transactions[1]["changes"][0]["after"] == {"vlan_bindings": {"7": "ls0"}}
    assert transactions[4]["changes"][0]["before"] == {"locators": ["10.0.0.1", "10.0.0.2"]}
    assert transactions[4]["changes"][0]["after"] == {"locators": ["10.0.0.2"]}
    times = [line["time"] for line in result["recording"]]
    assert times == sorted(times)
    assert last["event"] == "ended"
    again = recording.stop()
    assert not again["changed"] and again["recording"] == result["recording"]

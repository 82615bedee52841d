# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ovs_host_info on a node, through Ansible. Needs root."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from lab_nodes import HV1, inside, made, pids


@pytest.fixture
def look(lab, ansible):
    pid = pids(made(lab, HV1))["hv1"]

    def run(database="/etc/openvswitch/conf.db"):
        ran = ansible(
            *("ansible", "hv1", "--check", "-m", "vxlanlab.vtep.ovs_host_info", "-a", f"database={database}"),
            ANSIBLE_CALLBACK_RESULT_FORMAT="json",
        )
        result = json.loads(ran.stdout[ran.stdout.index("=> {") + 3 :])
        assert not result["changed"] and "host" in result, result
        return result["host"]

    run.pid = pid
    return run


def test_what_a_host_has_is_what_it_is_made_of(look):
    release = "NAME=Hurd\\nID=hurd\\nVERSION_ID=7\\n"
    inside(
        look.pid, "sh", "-ec", f"printf '{release}' >/run/release; mount --bind /run/release /etc/os-release; mount -t tmpfs none /dev/net"
    )
    found = look()
    assert found.pop("kernel_vxlan") in (True, False) and Path(found.pop("python")).resolve() == Path(sys.executable).resolve()
    assert found == {
        "user_id": 0,
        "distribution": "Hurd",
        "release": "7",
        "init": "sh",
        # A node has a folder of its own in place of the machine's /etc/openvswitch.
        "datapath_types": [],
        "tun": False,
    }


@pytest.mark.parametrize(("types", "told"), [([], []), (["netdev", "netdev"], ["netdev"]), (["", "netdev"], ["netdev", "system"])])
def test_the_datapaths_are_those_of_the_bridges(look, types, told):
    rows = [{"op": "insert", "table": "Bridge", "row": {"name": f"br{index}", "datapath_type": one}} for index, one in enumerate(types)]
    names = [{**row, "uuid-name": f"b{index}"} for index, row in enumerate(rows)]
    bridges = ["set", [["named-uuid", row["uuid-name"]] for row in names]]
    transaction = ["Open_vSwitch", *names, {"op": "insert", "table": "Open_vSwitch", "row": {"bridges": bridges}}]
    inside(look.pid, "ovsdb-tool", "create", "/run/other.db", "/usr/share/openvswitch/vswitch.ovsschema")
    inside(look.pid, "ovsdb-tool", "transact", "/run/other.db", json.dumps(transaction))
    assert look(database="/run/other.db")["datapath_types"] == told

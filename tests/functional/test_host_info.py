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

    def run(**options):
        ran = ansible(
            *("ansible", "hv1", "--check", "-m", "vxlanlab.vtep.ovs_host_info", "-a", json.dumps({"packages": [], **options})),
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
    assert {interface["ifname"] for interface in found.pop("interfaces")} >= {"lo"}
    assert found.pop("kernel_vxlan") in (True, False) and Path(found.pop("python")).resolve() == Path(sys.executable).resolve()
    assert found == {
        "user_id": 0,
        "distribution": "Hurd",
        "release": "7",
        "init": "sh",
        # A node has a folder of its own in place of the machine's /etc/openvswitch.
        "datapath_types": [],
        "tun": False,
        # Nothing serves any.
        "databases": None,
        "packages": [],
        "paths": [],
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


def test_only_the_packages_that_are_installed_are_told(look):
    """Whatever dpkg says of the others: one that it never heard of makes it fail, and one that was removed is still known to it."""
    inside(look.pid, "sh", "-ec", "cp -r /var/lib/dpkg /run/dpkg; mount --bind /run/dpkg /var/lib/dpkg")
    removed = (
        "Package: removed-once\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: none\n"
    )
    inside(look.pid, "sh", "-ec", f"printf '\n{removed}\n' >>/var/lib/dpkg/status")
    assert look(packages=["openvswitch-switch", "never-heard-of", "removed-once", "iproute2"])["packages"] == [
        "openvswitch-switch",
        "iproute2",
    ]


def test_where_a_program_is_missing_nothing_is_told(look):
    """As on a host on which nothing is installed yet."""
    inside(look.pid, "sh", "-ec", "for program in ip dpkg-query; do mount --bind /dev/null $(command -v $program); done")
    found = look(packages=["iproute2"])
    assert (found["interfaces"], found["packages"]) == (None, [])


def test_which_paths_there_are(look):
    inside(look.pid, "ln", "-s", "/nowhere", "/run/broken")
    assert look(paths=["/run/none", "/run/broken", "/etc/passwd"])["paths"] == ["/run/broken", "/etc/passwd"]


def test_the_databases_that_are_served(look):
    inside(look.pid, "mkdir", "-p", "/run/openvswitch")
    inside(look.pid, "ovsdb-tool", "create", "/run/v.db", "/usr/share/openvswitch/vtep.ovsschema")
    inside(look.pid, "ovsdb-server", "--detach", "--pidfile", "--unixctl=/run/openvswitch/ctl", "--remote=punix:/run/v.sock", "/run/v.db")
    inside(look.pid, "sh", "-ec", "ln -s /run/openvswitch/ctl /run/openvswitch/ovsdb-server.$(cat /run/openvswitch/ovsdb-server.pid).ctl")
    assert look()["databases"] == ["_Server", "hardware_vtep"]

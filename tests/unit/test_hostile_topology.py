# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies that no lab can be made of: each is refused with variable, value and remedy, in little time, and nothing is started."""

from __future__ import annotations

import copy
import cProfile
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from ansible_collections.vxlanlab.vtep.plugins.filter.lab_topology import FilterModule, folder_problem
from ansible_collections.vxlanlab.vtep.plugins.module_utils import _names
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab import topology as rules
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import RESERVED_NAMES

lab_topology = FilterModule().filters()["lab_topology"]
ROOT = Path(__file__).resolve().parents[2]
VARIABLES = yaml.safe_load((ROOT / "playbooks/vars/lab.yml").read_text()) | yaml.safe_load(
    (ROOT / "playbooks/scenarios/seed.yml").read_text()
)
SEED = {
    key: VARIABLES[f"lab_{key}"]
    for key in ("underlay", "routers", "bridge", "logical_switches", "hypervisors", "chapters", "name", "driver")
}
# Two networks, so that a router can be wrong in one thing alone.
SEED["underlay"]["network"] = ["10.0.0.0/8", "11.0.0.0/8"]
SEED["routers"] = [{"name": "A", "addresses": ["10.0.0.254", "11.0.0.254"]}]


def bomb() -> list:
    """Nine levels of aliases: a billion entries for who walks through all of them."""
    level: list = ["lol"] * 10
    for _depth in range(8):
        level = [level] * 10
    return level


def ring() -> list:
    """A list that holds itself."""
    itself: list = []
    itself.append(itself)
    return itself


def deep() -> list:
    level: list = []
    for _depth in range(100_000):
        level = [level]
    return level


# Wrong wherever a single value belongs.
SHAPES = [
    None, [], {}, bomb(), ring(), deep(), {"a": ring()}, True, 1.5, float("inf"), float("nan"), -1, 10**6000, "", " ", "\0", "a\0b", "a\nb",
    "x" * 10**7, "9" * 10**7, "../x", "-x", "a b", "é", "\U0001f937", "{{ 7 }}", "$(reboot)", "a;b", "'", '"', "\\", yaml.safe_load("2020-01-01"),
]  # fmt: skip
DEVICES = [
    *_names.OF_LINUX, "br-underlay", "vtep_bfd", "vx1", "vx4711", "any", "nflog", "usbmon0", "10.0.0.1", "bfd10.1.0.1", "0000-vm1-p", "0000-vm1-l",
    "br0_vtep_ls1", "ovs-netdev", "ovs-system", "vxlan_sys_4789", "a" * 16, ".", "..", "a:b", "a/b", "a%d", ".a", 7,
]  # fmt: skip
NETWORKS = [
    "127.0.0.0/8", "127.5.0.0/16", "0.0.0.0/0", "224.0.0.0/4", "239.1.0.0/16", "10.0.0.0/31", "10.0.0.1/32", "10.0.0.0/33", "10.0.0.1/8", "10/8",
    "2001:db8::/64", "10.0.0.0/-1", "10.0.0.0/8/8", 10,
]  # fmt: skip
MTUS = [0, 575, 625, 65536, 2**63, "1500 bytes", "1.5e3"]
ADDRESSES = [
    "0.0.0.0",
    "127.0.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "12.0.0.1",
    "010.0.0.1",
    "::1",
    "10.0.0.1/8",
    167772161,
]
MACS = [
    "00:00:00:00:00:00",
    "ff:ff:ff:ff:ff:ff",
    "01:00:5e:00:00:01",
    "33:33:00:00:00:01",
    "00:00:00:00:00",
    "00:00:00:00:00:0g",
    60,
    "unknown-dst",
]
VM_ADDRESSES = [
    "192.168.1.0/24", "192.168.1.255/24", "192.168.1.1", "192.168.1.1/33", "127.0.0.1/8", "224.0.0.1/24", "2001:db8::1/64", "0.0.0.0/0",
]  # fmt: skip
SWITCHES = ["my net", "a\tb", "a'b", 'a"b', "a,b", "a=b", "a:b", "a[b", "a{b", "a+b", "\\", 7]
HOSTS = [*RESERVED_NAMES, "hv_1", "hv.1", "-hv", "a" * 16, "hv 1", 1]
LISTS = [None, [], {}, "", "hv1", 7, [None], [[]], [{}], ["hv1"], [7], ring(), bomb(), deep(), [ring(), ring()], [bomb(), bomb()], {"a": 1}]

FIRST, VM1 = ("hypervisors", 0), ("hypervisors", 0, "vms", 0)
#: Where a value stands, the variable that a message has to name, and what cannot stand there.
PLACES = {
    ("name",): ("lab_name", [*SHAPES, "a" * 33, "a/b", "lab.1", 7]),
    ("artifacts",): ("lab_artifacts", [*SHAPES, "/dev/null", "/etc/passwd/x", "/proc/cpuinfo", "artifacts", "~/artifacts", "/a\0b"]),
    ("datapath",): ("openvswitch_datapath", [*SHAPES, "kernel"]),
    ("underlay",): ("lab_underlay", [*SHAPES, *LISTS]),
    ("underlay", "network"): ("lab_underlay.network", [*SHAPES, *NETWORKS]),
    ("underlay", "network", 1): ("lab_underlay.network[1]", [*SHAPES, *NETWORKS, "10.1.0.0/16"]),
    ("routers",): ("lab_routers", [one for one in [*SHAPES, *LISTS] if one not in (None, [])]),
    ("routers", 0): ("lab_routers[0]", [*SHAPES, *LISTS]),
    ("routers", 0, "name"): ("lab_routers[0].name", [*SHAPES, *HOSTS, "a-longer-router", "hv2"]),
    ("routers", 0, "addresses"): ("lab_routers[0].addresses", [*SHAPES, *LISTS]),
    ("routers", 0, "addresses", 1): ("lab_routers[0].addresses[1]", [*SHAPES, "10.1.0.1", "12.0.0.1", "11.0.0.0", "::1"]),
    ("underlay", "interface"): ("lab_underlay.interface", [*SHAPES, *DEVICES]),
    ("underlay", "mtu"): ("lab_underlay.mtu", [*SHAPES, *MTUS]),
    ("underlay", "gateway"): ("lab_underlay.gateway", [7]),
    ("bridge",): ("lab_bridge", [*SHAPES, *DEVICES, "a" * 15, "eth0", "vm1"]),
    ("logical_switches",): ("lab_logical_switches", [*SHAPES, *LISTS]),
    ("logical_switches", 0): ("lab_logical_switches[0]", [*SHAPES, *LISTS]),
    ("logical_switches", 0, "name"): ("lab_logical_switches[0].name", [*SHAPES, *SWITCHES]),
    ("logical_switches", 0, "tunnel_key"): ("lab_logical_switches[0].tunnel_key", [*SHAPES, 2**24, "5000a"]),
    ("hypervisors",): ("lab_hypervisors", [*SHAPES, *(one for one in LISTS if one != 7), 1, 1024]),
    (*FIRST,): ("lab_hypervisors[0]", [*SHAPES, *LISTS]),
    (*FIRST, "name"): ("lab_hypervisors[0].name", [*SHAPES, *HOSTS, "hv2"]),
    (*FIRST, "underlay_ip"): ("lab_hypervisors[0].underlay_ip", [*SHAPES, *ADDRESSES, "10.1.0.1"]),
    (*FIRST, "vms"): ("lab_hypervisors[0].vms", [*SHAPES, *LISTS]),
    (*FIRST, "vtep"): ("lab_hypervisors[0].vtep", [7]),
    (*VM1,): ("lab_hypervisors[0].vms[0]", [*SHAPES, *LISTS]),
    (*VM1, "name"): ("lab_hypervisors[0].vms[0].name", [*SHAPES, *DEVICES, "vm1-p", "eth0", "br0", "vm2"]),
    (*VM1, "mac"): ("lab_hypervisors[0].vms[0].mac", [*SHAPES, *MACS, "00-00-00-00-00-02"]),
    (*VM1, "logical_switch"): ("lab_hypervisors[0].vms[0].logical_switch", [*SHAPES, *SWITCHES, "ls1"]),
    ("chapters",): ("lab_chapters", [*SHAPES, *LISTS]),
    ("chapters", 0): ("lab_chapters[0]", [*SHAPES, *LISTS]),
    ("chapters", 0, "key"): ("lab_chapters[0].key", [*SHAPES, "A", "a-b", "7", "a" * 32]),
    ("chapters", 0, "heading"): ("lab_chapters[0].heading", [None, [], {}, bomb(), ring(), 7, "", " "]),
    ("chapters", 0, "ping"): ("lab_chapters[0].ping", [*SHAPES, *LISTS]),
    ("chapters", 0, "forget"): ("lab_chapters[0].forget", [None, [], {}, "yes", 1, ring()]),
    ("chapters", 0, "replies"): ("lab_chapters[0].replies", [*SHAPES, 4]),
    ("chapters", 0, "size"): ("lab_chapters[0].size", [*SHAPES, 65508]),
    ("chapters", 0, "mtu"): ("lab_chapters[0].mtu", [*SHAPES, 575, 65536]),
    ("chapters", 0, "transfer"): ("lab_chapters[0].transfer", [*SHAPES, *LISTS, {}, {"size": 0}, {"size": 1, "arrives": 1}]),
    ("chapters", 0, "tables"): ("lab_chapters[0].tables", [*SHAPES, *LISTS]),
    ("chapters", 0, "listen"): ("lab_chapters[0].listen", [*SHAPES, *LISTS, ["vm3"]]),
    (*VM1, "ip"): ("lab_hypervisors[0].vms[0].ip", [*SHAPES, *VM_ADDRESSES, "192.168.1.2/24"]),
}  # fmt: skip
#: What of these is right in its place.
RIGHT = {("name",): ["-x"], ("logical_switches", 0, "name"): ["-x", "../x"]}
CASES = [
    pytest.param(path, variable, value, id=f"{variable}-{number}")
    for path, (variable, values) in PLACES.items()
    for number, value in enumerate(values)
    if not (isinstance(value, str) and value in RIGHT.get(path, []))
]
REMEDY = re.compile(r"\b([Uu]se|[Gg]ive|[Aa]dd|[Pp]ut|[Kk]eep|Name|expected)\b")


def hostile(path: tuple, value: object) -> dict:
    # The seed is shallow, what stands in it may be endless.
    topology = copy.deepcopy(SEED)
    place = topology
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return topology


@pytest.fixture
def no_process(monkeypatch):
    def refuse(*unused, **also):
        pytest.fail("a process was started")

    for module, name in ((subprocess, "Popen"), (os, "fork"), (os, "system"), (os, "posix_spawn")):
        monkeypatch.setattr(module, name, refuse)


@pytest.mark.parametrize(("path", "variable", "value"), CASES)
def test_a_hostile_value(no_process, path, variable, value):
    started = time.process_time()
    problems = lab_topology(hostile(path, value))["problems"]
    # What is read in full takes minutes, or all memory.
    assert time.process_time() - started < 10
    assert len(problems) <= rules.MOST_PROBLEMS + 1
    for problem in problems:
        assert REMEDY.search(problem) or problem.startswith("There may be more"), problem
        assert problem.isprintable() and len(problem) < 500, problem
    mine = [problem for problem in problems if variable in problem]
    assert any(says(problem, variable, value) for problem in mine), problems


def says(problem: str, variable: str, value: object) -> bool:
    """Whether a problem shows the value, or what is wrong within it."""
    if isinstance(value, (list, dict)) and re.match(rf"{re.escape(variable)}[.\[]", problem):
        return True
    if "there is no such key" in problem:
        return True
    normal = str(value).partition("/")[0].replace("-", ":") if isinstance(value, str) and 0 < len(value) < 60 else "\0"
    return rules.shown(value) in problem or f" {value if len(normal) > 1 else normal} " in problem or f" {normal} " in problem


def test_there_are_hundreds_of_them():
    assert len(CASES) > 700


def test_what_a_file_can_hold_of_aliases():
    """As YAML: the file is small, and what it stands for is not."""
    levels = "\n".join(f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, 10))
    loaded = yaml.safe_load(f"l0: &l0 [x]\n{levels}\nring: &ring [*ring]\nlab_hypervisors: *l9\n")
    started = time.process_time()
    for value in (loaded["lab_hypervisors"], loaded["ring"]):
        assert lab_topology({**SEED, "hypervisors": value})["problems"]
    vms = [
        {"name": f"vm{number}", "mac": f"02:00:00:00:{number // 256:02x}:{number % 256:02x}", "ip": "192.168.1.1/24"}
        for number in range(1000)
    ]
    many = [{"name": f"hv{number}", "underlay_ip": f"10.0.{number // 256}.{number % 256}", "vms": vms} for number in range(1000)]
    assert lab_topology({**SEED, "hypervisors": many})["problems"] == [
        "lab_hypervisors: 1000000 VMs are more than the emulator copes with. Use up to 10000."
    ]
    assert lab_topology({**SEED, "hypervisors": many * 2})["problems"] == [
        "lab_hypervisors: 2000 hypervisors are more than the bridge of the underlay has ports. Use up to 1023."
    ]
    assert time.process_time() - started < 10


def test_the_work_grows_with_the_vms_and_not_with_their_square():
    def calls(hosts):
        hypervisors = [
            {
                "name": f"hv{host}",
                "underlay_ip": f"10.0.{host}.1",
                "vms": [
                    {"name": f"vm{host}.{vm}", "mac": f"02:00:00:00:{host:02x}:{vm:02x}", "ip": f"172.16.{host}.{vm + 1}/12"}
                    for vm in range(20)
                ],
            }
            for host in range(hosts)
        ]
        # Calls, not seconds: a busy machine makes as many.
        profile = cProfile.Profile()
        lab = profile.runcall(lab_topology, {**SEED, "hypervisors": hypervisors})
        assert lab["problems"] == [] and len(lab["endpoints"]) == hosts * 20
        return sum(entry.callcount for entry in profile.getstats())

    # Five times as many; of the square, it would be 25 times.
    assert calls(100) < 8 * calls(20)


@pytest.mark.parametrize("value", [None, [], "topology", 7, ring(), bomb()])
def test_what_is_no_topology(value):
    [problem] = lab_topology(value)["problems"]
    assert "use a dictionary with the keys underlay, bridge, logical_switches and hypervisors" in problem


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "bridge"}, "lab_name 'bridge' cannot be used: Docker wants"),
        ({"name": "_lab"}, "lab_name '_lab' cannot be used: Docker wants"),
        (
            {"underlay": {"network": "10.0.0.0/8", "interface": "uplink", "mtu": 1500}},
            "lab_underlay.interface: uplink cannot be used: Docker calls it",
        ),
        (
            {"underlay": {"network": "10.0.0.0/30", "interface": "eth0", "mtu": 1500}},
            "10.0.0.0/30 has no address left for Docker's gateway. Use a",
        ),
    ],
)
def test_what_docker_asks_for_besides(change, problem):
    topology = {**copy.deepcopy(SEED), "routers": [], "underlay": {"network": "10.0.0.0/8", "interface": "eth0", "mtu": 1500}, **change}
    topology["hypervisors"][1]["underlay_ip"] = "10.0.0.2"
    assert lab_topology(topology)["problems"] == []
    assert problem in lab_topology({**topology, "driver": "docker"})["problems"][0]


def test_what_is_right_comes_back_in_its_normal_form():
    topology = {**copy.deepcopy(SEED), "routers": []}
    topology["underlay"] = {"network": "10.0.0.0/255.0.0.0", "interface": "eth0", "mtu": "1_500"}
    lab = lab_topology(topology)
    assert lab["underlay"] == {"networks": ["10.0.0.0/8"], "interface": "eth0", "mtu": 1500}


def test_the_folder_of_the_artifacts(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert folder_problem(str(tmp_path)) == folder_problem(f"{tmp_path}/to/be/made") == ""
    assert folder_problem(f"{tmp_path}/file/x") == f"{tmp_path}/file is not a folder"
    assert folder_problem(f"{tmp_path}/nowhere") == f"{tmp_path}/nowhere is not a folder"


def test_a_folder_that_one_may_not_write_to(tmp_path, monkeypatch):
    # Root may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(tmp_path))
    [problem] = lab_topology({**SEED, "artifacts": f"{tmp_path}/made"})["problems"]
    assert problem == (
        f"lab_artifacts: '{tmp_path}/made' cannot be used: this user may not write to {tmp_path}. Name a folder that this user may write to."
    )

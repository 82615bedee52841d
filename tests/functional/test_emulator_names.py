# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection says of names is what the real ovs-vtep does with them, on a datapath without devices in a folder of its own.

And the modules warn of these names, where the database is that of an emulator.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

import pytest
from conftest import SCHEMA, Server

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _names
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import connection, normal, tree
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.task import carry_out

SCRIPT = "/usr/share/openvswitch/scripts/ovs-vtep"
BRIDGE = "br0"
SECONDS = 30


class Emulator:
    """A switch br0 with the ports vm1 and vm2, and its ovs-vtep."""

    def __init__(self, directory):
        self.env = {**os.environ, **dict.fromkeys(("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"), str(directory))}
        self.log = directory / "ovs-vtep.log"
        configuration = directory / "conf.db"
        subprocess.run(["ovsdb-tool", "create", configuration, SCHEMA.with_name("vswitch.ovsschema")], check=True)
        self.server = Server(directory, options=(str(configuration),))
        self.processes = []
        try:
            self.call("ovs-vsctl", "--no-wait", "init")
            self.start("ovs-vswitchd", "--enable-dummy=override", "-vconsole:off", self.server.remote)
            self.call("ovs-vsctl", "add-br", BRIDGE, "--", "set", "Bridge", BRIDGE, "datapath_type=dummy")
            self.call("ovs-vsctl", "add-port", BRIDGE, "vm1", "--", "add-port", BRIDGE, "vm2")
            self.server.ctl("add-ps", BRIDGE, "--", "set", "Physical_Switch", BRIDGE, "tunnel_ips=10.0.0.1")
            self.emulator = self.start("/usr/bin/python3", SCRIPT, BRIDGE, f"--log-file={self.log}", "-vconsole:off")
            self.wait(lambda: {"vm1", "vm2"} <= set(self.server.ctl("list-ports", BRIDGE).split()))
        except BaseException:
            self.end()
            raise

    def start(self, *command):
        process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def call(self, *command):
        return subprocess.run([*command], env=self.env, check=True, capture_output=True, text=True, timeout=SECONDS).stdout

    def wait(self, until: Callable[[], bool]) -> bool:
        """Wait until this is so; whether it is, or ovs-vtep has crashed before."""
        deadline = time.monotonic() + SECONDS
        while not until():
            if self.emulator.poll() is not None:
                return False
            assert time.monotonic() < deadline, self.log.read_text()
            # ovs-vtep polls the database once a second itself, and tells nobody.
            time.sleep(0.1)
        return True

    def forwards(self, mac: str) -> bool:
        """Whether a bridge of a logical switch has a flow for the address."""
        bridges = [name for name in self.call("ovs-vsctl", "list-br").split() if "_vtep_ls" in name]
        return any(f"dl_dst={mac} " in self.flows(name) for name in bridges)

    def flows(self, bridge: str) -> str:
        """None while the bridge is made."""
        return subprocess.run(
            ["ovs-ofctl", "dump-flows", bridge], env=self.env, capture_output=True, text=True, check=False, timeout=SECONDS
        ).stdout

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.server.stop()


@pytest.fixture
def emulator(tmp_path):
    emulator = Emulator(tmp_path)
    yield emulator
    emulator.end()


FAR, SECOND, THIRD = "00:00:00:00:00:02", "00:00:00:00:00:03", "00:00:00:00:00:04"


def bound(name: str, port: str, key: int, mac: str) -> dict:
    """A logical switch that is bound to a port and has a remote address, as a structure of vtep_config."""
    return {
        "physical_switches": {BRIDGE: {"ports": {port: {"vlan_bindings": {0: name}}}}},
        "logical_switches": {name: {"tunnel_key": key, "ucast_remote": {mac: {"locator": "10.1.0.1"}}}},
    }


def put(emulator: Emulator, config: dict) -> list[str]:
    """Bring this into the database; the warnings."""
    with connection.Database(emulator.server.remote, SECONDS) as db:
        return carry_out(db, normal.normalise(tree.wanted(config, "merged"))).warnings


@pytest.mark.parametrize(
    "name",
    [
        "a/b.c-d_e",
        "-x",
        "a+b#c@d%e~f*g|h(i;j&k$l?m^n`é",
        "my net",
        "it's",
        "a\\",
        "a\\b",
        "a,b",
        "a[b",
    ],
)
def test_the_emulator_copes_with_a_name_or_not_as_is_said(emulator, name):
    put(emulator, bound(name, "vm1", 1, FAR))
    put(emulator, bound("other", "vm2", 2, SECOND))
    lives = emulator.wait(lambda: emulator.forwards(SECOND))
    if lives:
        # What comes after that is seen in a later round, so the first one is over.
        put(emulator, bound("other", "vm2", 2, THIRD))
        lives = emulator.wait(lambda: emulator.forwards(THIRD))
    said = _names.switch_trouble(name)
    seen = "crashes" if not lives else "" if emulator.forwards(FAR) else "carries none"
    assert said.startswith(seen) and bool(said) == bool(seen), (said, seen)


@pytest.mark.parametrize("name", ["my port,=:[]{}", 'a"b', "a\\"])
def test_the_emulator_copes_with_a_port_or_not_as_is_said(emulator, name):
    put(emulator, {"physical_switches": {BRIDGE: {"ports": {name: {}}}}})
    put(emulator, bound("other", "vm2", 2, SECOND))
    assert emulator.wait(lambda: emulator.forwards(SECOND)) is not bool(_names.port_trouble(name))


def test_who_names_it_is_warned(emulator):
    [warning] = put(emulator, bound("my net", "vm1", 1, FAR))
    assert warning == (
        "logical switch my net: the emulator ovs-vtep, which physical switch br0 is, crashes, is started again and crashes again, and takes "
        "all tunnels down each time, once it is bound there; name it with letters, digits and _ . / - only"
    )
    [warning] = put(emulator, {"physical_switches": {BRIDGE: {"ports": {"it's": {}}}}})
    assert warning.startswith("port it's of physical switch br0: the emulator ovs-vtep") and "each time; name it with" in warning
    assert put(emulator, bound("blue", "vm1", 2, FAR)) == []


class TestWarnings:
    """Which task warns, without an emulator that runs: what it writes into its row is enough."""

    @pytest.fixture(autouse=True)
    def filled(self, server, task):
        server.empty()
        ports = {"ports": {"vm1": {}}}
        task("vtep_config", config={"physical_switches": {"br0": {**ports, "description": _names.EMULATOR}, "leaf1": ports}})
        server.transact({"op": "insert", "table": "Logical_Switch", "row": {"name": "my net"}})

    @pytest.mark.parametrize(
        ("module", "options", "warns"),
        [
            ("vtep_logical_switch", {"name": "my net"}, True),
            ("vtep_logical_switch", {"name": "my other net", "tunnel_key": 7}, True),
            ("vtep_logical_switch", {"name": "a,b"}, True),
            ("vtep_logical_switch", {"name": "blue/7"}, False),
            ("vtep_logical_switch", {"name": "my net", "state": "absent"}, False),
            ("vtep_binding", {"physical_switch": "br0", "port": "vm1", "vlan": 0, "logical_switch": "my net"}, True),
            ("vtep_binding", {"physical_switch": "leaf1", "port": "vm1", "vlan": 0, "logical_switch": "my net"}, False),
            ("vtep_physical_port", {"physical_switch": "br0", "port": "it's"}, True),
            ("vtep_physical_switch", {"name": "br0", "ports": ["it's", "vm2"]}, True),
            ("vtep_physical_switch", {"name": "leaf1", "ports": ["it's"]}, False),
            ("vtep_config", {"config": {"logical_switches": {"my net": {}}}}, True),
            ("vtep_ucast_remote", {"logical_switch": "my net", "mac": FAR, "locator": "10.1.0.1"}, False),
        ],
    )
    def test_who_warns(self, task, module, options, warns):
        expected = task.check(module, **options)["warnings"]
        assert len(expected) == warns and all("name it with letters" in warning for warning in expected)
        assert task(module, **options)["warnings"] == expected
        assert task(module, **options)["warnings"] == expected

    def test_without_an_emulator_every_name_is_right(self, task):
        task("vtep_physical_switch", name="br0", description="a real one")
        assert task("vtep_logical_switch", name="my net", tunnel_key=7)["warnings"] == []

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is given to an option of a module on the database: words, in time, and nothing changed by what failed."""

from __future__ import annotations

import importlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import patch

import pytest
from ansible.module_utils import basic
from conftest import MODULES, SCHEMA, Failed, Server, patch_module_args

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _module
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import connection

MAC = "00:00:00:00:00:02"
#: A task of each module that succeeds.
GOOD: dict[str, dict] = {
    "vtep_acl": {"name": "web", "entries": [{"sequence": 1, "action": "deny", "direction": "ingress"}]},
    "vtep_arp_source": {"mac": MAC, "locator": "10.1.0.1"},
    "vtep_audit": {"vteps": [{"name": "leaf1"}]},
    "vtep_binding": {"physical_switch": "br0", "port": "vm1", "vlan": 7, "logical_switch": "ls0"},
    "vtep_config": {"config": {"logical_switches": {"ls0": {"tunnel_key": 7}}}},
    "vtep_info": {},
    "vtep_logical_router": {"name": "lr0"},
    "vtep_logical_switch": {"name": "ls0"},
    "vtep_manager": {"target": "ptcp:6641:127.0.0.9"},
    "vtep_mcast_local": {"logical_switch": "ls0", "locators": ["10.1.0.1"]},
    "vtep_mcast_remote": {"logical_switch": "ls0", "locators": ["10.1.0.1"]},
    "vtep_physical_port": {"physical_switch": "br0", "port": "vm1"},
    "vtep_physical_switch": {"name": "br0"},
    "vtep_record": {"path": "/nonexistent/recording.jsonl", "state": "stopped"},
    "vtep_tunnel": {"physical_switch": "br0", "local": "10.0.0.1", "remote": "10.1.0.1"},
    "vtep_ucast_local": {"logical_switch": "ls0", "mac": MAC, "locator": "10.1.0.1"},
    "vtep_ucast_remote": {"logical_switch": "ls0", "mac": MAC, "locator": "10.1.0.1"},
    "vtep_wait": {"port": "vm1", "physical_switch": "br0"},
}
# Half of a surrogate pair is refused by Ansible itself.
TEXTS = [
    "", " ", "\0", "a\0b", "x" * 100_000, "../../etc/passwd", "-1", "1e308", "\n", "'\"\\", "\U0001f937", "[" * 500,
    "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "0.0.0.0", "224.0.0.1", "::", "10.0.0.1/24", "tcp:", "unknown-dst", [], {}, ["a"], {"a": 1}, 7, True,
]  # fmt: skip
NUMBERS = [-1, 2**31, 2**63, 10**400, 1.5, float("nan"), float("inf"), "inf", "nan", True, "", "x", "1e3", "0x7", [], {}]
NESTED: list = []
for _depth in range(200):
    NESTED = [NESTED]
HOSTILE: dict[str, list] = {
    "str": TEXTS,
    "path": ["", "\0", "a\0b.json", "/", "/nonexistent.json", "/dev/zero", "x" * 5000 + ".json", [], 7],
    "int": NUMBERS,
    "float": [*NUMBERS, 0, 1e308, 2_000_001],
    "bool": ["maybe", 2, [], {}, "", "\0"],
    "list": ["", "a,b", {}, 7, [None], [[]], [{}], ["\0"], [""], ["x"] * 1000, NESTED, [{"\0": 1}], [True], [{"mac": MAC}] * 2],
    "dict": [[], "a=b", 7, {"": ""}, {"\0": "\0"}, {"a": None}, {"a": []}, {"a": {}}, {"7": "ls0", "07": "ls0"}, {"a": NESTED}],
}  # fmt: skip


def specification(module: str) -> dict[str, dict]:
    """What the module tells Ansible of its options."""
    with (
        patch_module_args({}),
        patch.object(basic.AnsibleModule, "__init__", lambda unused, argument_spec, **also: pytest.fail(json.dumps(argument_spec))),
        pytest.raises(pytest.fail.Exception) as said,
    ):
        importlib.import_module(f"{MODULES}.{module}").main()
    return json.loads(str(said.value))


def test_every_module_is_here():
    assert set(GOOD) == {path.stem for path in (Path(__file__).parents[2] / "plugins/modules").glob("vtep_*.py")}


@pytest.fixture
def filled(server, task):
    server.empty()
    task("vtep_config", config={"physical_switches": {"br0": {"ports": {"vm1": {}}}}, "logical_switches": {"ls0": {}, "ls1": {}}})


@pytest.mark.parametrize("module", GOOD)
def test_hostile_values(server, task, filled, module):
    options = specification(module)
    assert task(module, **GOOD[module])["changed"] in (True, False)
    tried = 0
    tables = json.loads(SCHEMA.read_text())["tables"]
    selects = [{"op": "select", "table": table, "where": []} for table in tables]
    reader = connection.Database(server.remote, 3600)
    reader.connect()
    for option, spec in options.items():
        for value in HOSTILE[spec.get("type", "str")]:
            given = {**GOOD[module], "timeout": 0.2, option: value}
            # Bulk has options of its own, and a switch that waits needs a port.
            for other in {"entries": ["mac", "locator", "locators"], "src": ["mac", "locator", "locators", "config"], "row": ["port"]}.get(
                option, []
            ):
                given.pop(other, None)
            before = reader.transact(selects)
            started = time.monotonic()
            for run in (task.check, task):
                try:
                    run(module, **given)
                except Failed as failed:
                    assert "fault of the collection" not in failed.msg and "Traceback" not in failed.msg, (option, value, failed.msg)
                    # Ansible itself says which choices there are.
                    is_ours = not failed.msg.startswith("value of ")
                    assert not is_ours or ("\n" not in failed.msg and len(failed.msg) < 3000), (option, value, failed.msg)
                    assert reader.transact(selects) == before, (option, value)
                else:
                    assert run is task or reader.transact(selects) == before, (option, value)
            # Twice its timeout, whose default is 10 s, and the 2 s that an error's words may take.
            assert time.monotonic() - started < 2 * ((10 if option == "timeout" else 0.2) + 2), (option, value)
            tried += 1
    reader.close()
    assert tried > 60


# -- servers --------------------------------------------------------------------------------------------------------

REPLIES = {
    "result null": '{"id":%d,"result":null,"error":null}',
    "result empty list": '{"id":%d,"result":[],"error":null}',
    "result text": '{"id":%d,"result":"tables","error":null}',
    "result number": '{"id":%d,"result":7,"error":null}',
    "no result": '{"id":%d}',
    "a list": "[%d]",
    "tables are a list": '{"id":%d,"result":{"tables":[]},"error":null}',
    "a table is null": '{"id":%d,"result":{"tables":{"ACL":null}},"error":null}',
    "bad UTF-8": b'{"id":%d,"result":"\xff\xfe"}',
    "nested": '{"id":%d,"result":' + "[" * 200_000 + "]" * 200_000 + "}",
}


@contextmanager
def replying(*replies: str | bytes) -> Iterator[str]:
    """A server that answers the requests of one connection with these replies, in turn; the last one again and again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, unused = listener.accept()
            with connection:
                left = list(replies)
                while data := connection.recv(1 << 20):
                    for piece in data.split(b'{"method":')[1:]:
                        number = int(piece.split(b'"id":')[1].split(b",")[0])
                        reply = left.pop(0) if len(left) > 1 else left[0]
                        encoded = reply if isinstance(reply, bytes) else reply.encode()
                        with suppress(OSError):
                            connection.sendall(encoded.replace(b"%d", str(number).encode()))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"tcp:127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


def schema_reply() -> str:
    return json.dumps({"id": "ID", "result": json.loads(SCHEMA.read_text()), "error": None}).replace('"ID"', "%d")


@pytest.mark.parametrize("after", [0, 1, 2], ids=["schema", "leader", "transaction"])
@pytest.mark.parametrize("reply", REPLIES)
def test_a_server_that_replies_what_no_server_does(task, reply, after):
    alone = '{"id":%d,"result":[{"rows":[]}],"error":null}'
    with replying(*[schema_reply(), alone][:after], REPLIES[reply]) as remote:
        message = task.fails("vtep_info", database=remote, timeout=5)
    # A server of before 2.9 answers the question for its cluster with an error, and a strange one may pass for it.
    assert "not valid in OVSDB (RFC 7047)" in message and remote in message


def test_a_host_that_nobody_knows(task, monkeypatch):
    def unknown(*unused, **also):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    message = task.fails("vtep_info", database="tcp:leaf1.invalid:6640")
    assert message.startswith("database: cannot resolve the host 'leaf1.invalid'") and "Name or service not known" in message


def test_a_resolver_that_does_not_answer(task, monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *unused, **also: answered.wait() and [])
    started = time.monotonic()
    assert "no answer in time" in task.fails("vtep_info", database="tcp:leaf1.invalid:6640", timeout=0.3)
    assert time.monotonic() - started < 30
    answered.set()


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST"])
def test_a_name_instead_of_an_address(tmp_path, task, name):
    other = Server(tmp_path, remotes=("ptcp:0:127.0.0.1",))
    try:
        port = (tmp_path / "log").read_text().split("listening on port ")[1].split()[0]
        assert task("vtep_logical_switch", name="ls0", database=f"tcp:{name}:{port}")["changed"]
    finally:
        other.stop()


@pytest.mark.parametrize("length", [86, 200, 5000])
def test_a_path_that_is_too_long_for_a_socket(task, length):
    assert "85 bytes or fewer" in task.fails("vtep_info", database=f"unix:/tmp/{'x' * length}")
    assert "database" in task.fails("vtep_info", database=f"unix:/{'/'.join(['x' * 80] * (length // 80))}/db.sock")


@pytest.mark.parametrize("module", GOOD)
def test_what_nobody_has_foreseen_is_one_line_that_says_what_to_report(task, monkeypatch, module):
    code = importlib.import_module(f"{MODULES}.{module}")

    def broken(*unused, **also):
        raise ZeroDivisionError("division\nby zero")

    for name in ("want", "wait_for", "gathered", "stopped", "audited"):
        monkeypatch.setattr(code, name, broken, raising=False)
    engine = importlib.import_module("ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module")
    monkeypatch.setattr(engine, "carry_out", broken)
    message = task.fails(module, **GOOD[module])
    assert "fault of the collection" in message and "ZeroDivisionError: division\\nby zero" in message
    assert _module.ISSUES in message and "test_hostile.py, line" in message and "\n" not in message

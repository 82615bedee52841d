#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_databases
short_description: Serve the databases of VTEPs that are nothing else, which connect to a controller
version_added: 0.1.0
description:
  - For each VTEP, serves a database hardware_vtep with one physical switch and its ports, which connects to O(manager). Nothing reads what
    a controller writes there, and no frame is forwarded.
  - Each server is a process of ovsdb-server (about 8 MB, most of it shared), in a folder of its own below O(path).
options:
  path:
    description:
      - Folder for the databases, sockets, process IDs and logs of the servers, C(NAME/NUMBER/db.sock) and so on. An absolute path
        of up to 60 characters, because sockets cannot have long ones.
    type: path
    default: /run/vxlanlab/databases
  databases:
    description:
      - The VTEPs. One that is there keeps its rows; those of its servers that do not run are started. Others that are there stay.
      - Required, except with O(state=absent), which removes all that are there.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the VTEP and of its physical switch, of letters, digits and C(-).
        type: str
        required: true
      tunnel_ip:
        description: IPv4 address of its tunnels.
        type: str
        required: true
      ports:
        description: Names of its ports.
        type: list
        elements: str
        default: []
  servers:
    description:
      - How many servers each database has. More than one are a cluster (C(ovsdb(7)), Clustered Database Service Model), each of whose
        servers connects to O(manager).
    type: int
    choices: [1, 3]
    default: 1
  manager:
    description: What the servers connect to, such as V(ssl:10.9.0.1:6640). Required with O(state=present).
    type: str
  private_key:
    description: Private key that the servers show, for a manager of C(ssl).
    type: path
  certificate:
    description: Certificate that they show.
    type: path
  ca_cert:
    description: Certificate of the CA that they trust.
    type: path
  timeout:
    description:
      - Seconds within which all databases have to be served and, except those of clusters, connected. A database
        of a cluster does not say whether it is connected (C(ovsdb(7))).
    type: int
    default: 60
  state:
    description: V(gathered) changes nothing. V(absent) ends the servers, and removes all databases below O(path).
    type: str
    choices: [present, absent, gathered]
    default: present
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - Open vSwitch (ovsdb-server, ovsdb-tool, ovsdb-client, ovs-appctl)
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Let two VTEPs connect
  vxlanlab.vtep.lab_databases:
    manager: tcp:10.9.0.1:6640
    databases:
      - {name: db1, tunnel_ip: 198.18.0.1, ports: [port1]}
      - {name: db2, tunnel_ip: 198.18.0.2, ports: [port1]}
"""

RETURN = r"""
databases:
  description: The databases that were asked for.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the VTEP.
      type: str
    database:
      description: How its database is reached on this host, as O(vxlanlab.vtep.vtep_info#module:database) takes it.
      type: str
    leader:
      description: Process ID of its server; of a cluster, the server that leads. V(null) where there is none, as during an election.
      type: int
started_at:
  description: When the first server was started, in seconds since 1970. V(null) where none was.
  returned: success
  type: float
connected_at:
  description: When the last of all servers was connected. V(null) where none has been.
  returned: success
  type: float
written_at:
  description: When the last of all databases was written to.
  returned: success
  type: float
"""

import json
import os
import re
import select
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check, check_range, check_texts
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.processes import Deadline
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.programs import run_command
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import name as read_name, target, tunnel_ipv4

SCHEMA = "/usr/share/openvswitch/vtep.ovsschema"
#: A socket's path has up to 107 characters (unix(7)).
LONGEST_PATH = 60
LONGEST_NAME = 30
#: How the folder of a database begins that is being made.
UNFINISHED = ".new-"
TLS = ("private_key", "certificate", "ca_cert")


def say(*words: str) -> str:
    """What a program of Open vSwitch answers."""
    done = run_command(*words)
    # A transaction that fails is in the answer.
    if done.returncode or '"error":' in done.stdout:
        raise UserError(f"'{' '.join(words)}' failed: {(done.stderr + done.stdout).strip()}")
    return done.stdout


@dataclass(frozen=True)
class Server:
    """A server of a database, in its folder."""

    folder: str

    @property
    def remote(self) -> str:
        """How it is reached on this host."""
        return f"unix:{self.folder}/db.sock"

    @property
    def raft(self) -> str:
        """How the other servers of a cluster reach it."""
        return f"unix:{self.folder}/raft"

    @property
    def file(self) -> str:
        """Its database."""
        return f"{self.folder}/vtep.db"

    def pid(self) -> int | None:
        """The process that serves it; ``None`` where none does."""
        try:
            with open(f"{self.folder}/pid", encoding="ascii") as file:
                pid = int(file.read())
            with open(f"/proc/{pid}/cmdline", "rb") as arguments:
                return pid if f"--pidfile={self.folder}/pid".encode() in arguments.read().split(b"\0") else None
        except (OSError, ValueError):
            return None

    def start(self, options: list[str]) -> None:
        """Serve it; on return, the server listens."""
        paths = [f"--pidfile={self.folder}/pid", f"--log-file={self.folder}/log", f"--unixctl={self.folder}/ctl"]
        remotes = [f"--remote=p{self.remote}", "--remote=db:hardware_vtep,Global,managers"]
        say("ovsdb-server", "--detach", "--no-chdir", "-vconsole:off", "-vsyslog:off", *paths, *remotes, *options, self.file)

    def stop(self) -> None:
        """End the process, and wait until it has ended."""
        pid = self.pid()
        if pid is None:
            return
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            # The handle holds the process: its number cannot stand for another one.
            if self.pid() == pid:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                select.select([handle], [], [])
        finally:
            os.close(handle)

    def connected_at(self) -> float | None:
        """When it was connected to a manager, as its log says: in the database, this is up to 2.5 seconds late."""
        try:
            with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
                times = re.findall(r"(?m)^(\S+)Z\|\d+\|reconnect\|INFO\|(?:tcp|ssl):\S+: connected$", file.read())
        except OSError:
            return None
        return datetime.fromisoformat(times[-1]).replace(tzinfo=timezone.utc).timestamp() if times else None

    def leads(self) -> bool:
        """Whether it leads its cluster."""
        done = run_command("ovs-appctl", "--timeout=10", f"--target={self.folder}/ctl", "cluster/status", "hardware_vtep")
        return "Role: leader" in done.stdout


@dataclass(frozen=True)
class Database:
    """The database of a VTEP, with its servers."""

    name: str
    tunnel_ip: str
    ports: tuple[str, ...]
    servers: tuple[Server, ...]

    def rows(self, manager: str) -> list[Any]:
        """The rows that a VTEP has of its own, as a transaction."""
        ports = {port: f"port{number}" for number, port in enumerate(self.ports)}
        inserts: list[tuple[str, dict[str, Any], str]] = [("Physical_Port", {"name": port}, of) for port, of in ports.items()]
        members = ["set", [["named-uuid", of] for of in ports.values()]]
        inserts += [
            ("Physical_Switch", {"name": self.name, "tunnel_ips": self.tunnel_ip, "ports": members}, "switch"),
            ("Manager", {"target": manager}, "manager"),
            ("Global", {"switches": ["named-uuid", "switch"], "managers": ["named-uuid", "manager"]}, "all"),
        ]
        return ["hardware_vtep", *({"op": "insert", "table": table, "row": row, "uuid-name": uuid} for table, row, uuid in inserts)]

    def make(self, manager: str) -> None:
        """Its files, all of them at once."""
        folder = os.path.dirname(self.servers[0].folder)
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        first, *others = self.servers
        made = tempfile.mkdtemp(dir=os.path.dirname(folder), prefix=UNFINISHED)
        try:
            alone = f"{made}/alone.db"
            say("ovsdb-tool", "create", alone, SCHEMA)
            say("ovsdb-tool", "transact", alone, json.dumps(self.rows(manager)))
            for server in self.servers:
                file = server.file.replace(folder, made)
                os.mkdir(os.path.dirname(file))
                if not others:
                    os.rename(alone, file)
                elif server is first:
                    say("ovsdb-tool", "create-cluster", file, alone, server.raft)
                else:
                    say("ovsdb-tool", "join-cluster", file, "hardware_vtep", server.raft, first.raft)
            if others:
                os.unlink(alone)
            os.rename(made, folder)
        except OSError as error:
            raise UserError(
                f"path: {folder} cannot be made: {error.strerror}. Is there something else of this name? Use another path."
            ) from None
        finally:
            shutil.rmtree(made, ignore_errors=True)

    @property
    def is_there(self) -> bool:
        """Whether it is complete."""
        return os.path.exists(self.servers[0].file)

    def leader(self) -> int | None:
        """The process of the server that leads."""
        alive = [(server, pid) for server in self.servers if (pid := server.pid())]
        return next((pid for server, pid in alive if len(self.servers) == 1 or server.leads()), None)

    def plain(self) -> dict[str, Any]:
        """What is told of it."""
        return {"name": self.name, "database": ",".join(server.remote for server in self.servers), "leader": self.leader()}


def await_connection(database: Database, manager: str, deadline: Deadline) -> None:
    """Wait until a database is connected to its manager; that of a cluster, until all its servers serve it."""
    if len(database.servers) > 1:
        for server in database.servers:
            say("ovsdb-client", f"--timeout={whole(deadline, server.remote)}", "wait", server.remote, "hardware_vtep", "connected")
        return
    seconds = whole(deadline, f"the connection of {database.name} to {manager}")
    condition = {"columns": ["is_connected"], "until": "==", "rows": [{"is_connected": True}], "timeout": seconds * 1000}
    transaction = ["hardware_vtep", {"op": "wait", "table": "Manager", "where": [], **condition}]
    [server] = database.servers
    done = run_command("ovsdb-client", f"--timeout={seconds + 5}", "transact", server.remote, json.dumps(transaction))
    if done.returncode or '"error":' in done.stdout:
        raise UserError(
            f"{database.name} is not connected to {manager} after {deadline.seconds} s. Does the controller listen there, and does it"
            f" take as many connections? What the server says is in {server.folder}/log."
        )


def whole(deadline: Deadline, what: str) -> int:
    """The seconds that are left, at least 1."""
    return max(1, round(deadline.left(what)))


def there(path: str) -> list[str]:
    """The folders of all databases that are below a path, complete or not; nothing else that may be there."""
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        return []
    folders = {name: os.path.join(path, name) for name in names}
    return sorted(
        folder for name, folder in folders.items() if name.startswith(UNFINISHED) or os.path.exists(os.path.join(folder, "1", "vtep.db"))
    )


def removed(path: str, check_mode: bool) -> bool:
    """End all servers below a path, and remove their folders; whether there were any."""
    found = there(path)
    if found and not check_mode:
        for folder in found:
            for server in os.listdir(folder):
                Server(os.path.join(folder, server)).stop()
            shutil.rmtree(folder)
        if not os.listdir(path):
            os.rmdir(path)
    return bool(found)


def read(options: dict[str, Any]) -> list[Database]:
    """The databases that are asked for."""
    path = options["path"]
    check(os.path.isabs(path) and len(path) <= LONGEST_PATH, "path", path, f"an absolute path of up to {LONGEST_PATH} characters")
    databases: list[Database] = []
    for number, one in enumerate(options["databases"] or ()):
        where = f"databases[{number}]"
        name = accepted(read_name, f"{where}: name", one["name"])
        check(
            re.fullmatch(rf"[A-Za-z0-9][A-Za-z0-9-]{{0,{LONGEST_NAME - 1}}}", name),
            f"{where}: name",
            name,
            "letters, digits and '-', up to 30",
        )
        check(name not in {database.name for database in databases}, f"{where}: name", name, "a name that no other one has")
        servers = tuple(Server(os.path.join(path, name, str(at))) for at in range(1, options["servers"] + 1))
        address = accepted(tunnel_ipv4, f"{where}: tunnel_ip", one["tunnel_ip"])
        ports = tuple(accepted(read_name, f"{where}: ports", port) for port in one["ports"])
        check(len({*ports}) == len(ports), f"{where}: ports", one["ports"], "different names")
        databases.append(Database(name, address, ports, servers))
    return databases


def run(options: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    check_texts(options)
    check_range("timeout", options["timeout"], 1, 3600)
    databases = read(options)
    if options["state"] == "absent":
        return {"changed": removed(options["path"], check_mode)}
    manager = options["manager"]
    down = [server for database in databases for server in database.servers if server.pid() is None]
    started_at = None
    if down and options["state"] == "present":
        accepted(target, "manager", manager)
        if not check_mode:
            tls = [f"--{option.replace('_', '-')}={options[option]}" for option in TLS if options[option]]
            deadline = Deadline(options["timeout"])
            started_at = time.time()
            for database in databases:
                if not database.is_there:
                    database.make(manager)
                for server in database.servers:
                    if server in down:
                        deadline.left(f"the server in {server.folder}")
                        server.start(tls)
            for database in databases:
                await_connection(database, manager, deadline)
    servers = [server for database in databases for server in database.servers]
    files = [server.file for server in servers if os.path.exists(server.file)]
    return {
        "changed": bool(down) and options["state"] == "present",
        "databases": [database.plain() for database in databases],
        "started_at": started_at,
        "connected_at": max((when for server in servers if (when := server.connected_at())), default=None),
        "written_at": max((os.path.getmtime(file) for file in files), default=None),
    }


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/run/vxlanlab/databases"},
            "databases": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "tunnel_ip": {"type": "str", "required": True},
                    "ports": {"type": "list", "elements": "str", "default": []},
                },
            },
            "servers": {"type": "int", "choices": [1, 3], "default": 1},
            "manager": {"type": "str"},
            "private_key": {"type": "path"},
            "certificate": {"type": "path"},
            "ca_cert": {"type": "path"},
            "timeout": {"type": "int", "default": 60},
            "state": {"type": "str", "choices": ["present", "absent", "gathered"], "default": "present"},
        },
        required_if=[("state", "present", ("databases", "manager")), ("state", "gathered", ("databases",))],
        required_together=[TLS],
        supports_check_mode=True,
    )
    finish(module, lambda: run(module.params, module.check_mode))


if __name__ == "__main__":
    main()

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator at work: follows both databases and what is learned, and brings flows, ports and rows to what they should be."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd import acl, devices, flows, openflow, ports, publish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.connection import Connection, Lost, Message
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.replica import OWN, SWITCH, TABLES, VTEP, Change, Replica, Row, requests
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.supervise import RUN, log
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.survey import (
    UNSPECIFIED,
    Fault,
    Mac,
    Place,
    Vtep,
    place,
    remote_mac,
    survey,
)

# After a connection was lost; the longer one where it is there and does not do what it should.
RETRY_SECONDS, FAULT_SECONDS = 0.1, 1.0
COUNT_SECONDS = 10.0
# Tables whose rows make no flow.
_SILENT = {"Ucast_Macs_Local", "Mcast_Macs_Local", "Logical_Binding_Stats"}
_MAC_TABLE = "Ucast_Macs_Remote"
Handler = Callable[[Any], None]
Key = TypeVar("Key")
Item = TypeVar("Item")


@dataclass
class Options:
    """How the emulator behaves."""

    #: Whether questions for the address of a remote MAC address are answered here.
    arp_suppression: bool = True


def control_socket(bridge: str) -> str:
    return f"{RUN}/vtepd.{bridge}.ctl"


@dataclass
class _Session:
    """A connection to ovsdb-server, and the copies of the rows that it gives."""

    connection: Connection
    vtep: Replica = field(default_factory=lambda: Replica(VTEP))
    switch: Replica = field(default_factory=lambda: Replica(SWITCH))
    #: What is done with the reply to a request.
    handlers: dict[int, Handler] = field(default_factory=dict)
    #: Databases whose rows are there.
    read: set[str] = field(default_factory=set)
    #: Databases with a transaction under way.
    busy: set[str] = field(default_factory=set)

    def replica(self, database: str) -> Replica:
        return self.vtep if database == VTEP else self.switch


class Emulator:
    """One bridge as a VTEP."""

    def __init__(self, bridge: str, options: Options) -> None:
        self.bridge = bridge
        self.options = options
        self.flowtable = openflow.Flowtable(bridge, str(RUN))
        self.session: _Session | None = None
        self.watch: openflow.Watch | None = None
        #: cur_cfg that ovs-vswitchd has to reach before its port numbers can be trusted; ``None`` before it was asked.
        self.awaited: int | None = None
        #: The flows that are there: all but those of MAC addresses, and the matches and actions of those.
        self.structure: flows.Flows = {}
        self.macs: dict[Mac, flows.Flows] = {}
        #: Whether the flow table is known to hold these.
        self.synchronised = False
        #: The rows of each remote MAC address; more than one is a mistake of who wrote them.
        self.rows: dict[Mac, set[str]] = {}
        #: The rows of each logical switch and locator.
        self.behind: dict[tuple[str, str], set[str]] = {}
        #: The rows that claim an IP address of a logical switch, and their MAC addresses: one of these gets the answers.
        self.claims: dict[tuple[str, str], set[tuple[Mac, str]]] = {}
        #: What is wrong with rows of remote MAC addresses, in words.
        self.bad_rows: dict[str, str] = {}
        self.bad_macs: dict[Mac, str] = {}
        self.changed_macs: set[Mac] = set()
        self.changed = True
        #: Whether something was learned, moved or forgotten since flows were written last.
        self.heard = False
        self.own: Vtep | None = None
        self.rules: list[acl.Rule] = []
        self.faults: list[Fault] = []
        self.said: set[str] = set()
        self.told: list[str] = []
        self.count_at = 0.0
        self.retry_at = 0.0
        self.control = self._listen()
        self.clients: dict[int, tuple[socket.socket, dict[str, Any]]] = {}

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Never ends."""
        while True:
            try:
                if not self.session and time.monotonic() >= self.retry_at:
                    self._connect()
                self._reconcile()
                self._count()
                self._reply()
            except Lost as error:
                self._disconnect(str(error))
            except openflow.Unreachable as error:
                self._detach(str(error))
            self._wait()

    def _wait(self) -> None:
        """Block until something has come, and take it."""
        sources: list[Any] = [self.control, *(client for client, _asked in self.clients.values())]
        sources += [one for one in (self.session and self.session.connection, self.watch) if one]
        now = time.monotonic()
        moments = [moment for moment in (self.retry_at, self._next_count()) if moment > now]
        if not moments and not (self.session and self.watch):
            moments = [now + RETRY_SECONDS]
        ready = select.select(sources, [], [], min(moments) - now if moments else None)[0]
        for source in ready:
            try:
                if source is self.control:
                    self._accept()
                elif self.watch and source is self.watch:
                    self.heard |= self.watch.read()
                elif self.session and source is self.session.connection:
                    for message in source.read():
                        self._take(message)
                else:
                    self._ask(source)
            except Lost as error:
                self._disconnect(str(error))
            except openflow.Unreachable as error:
                self._detach(str(error))

    # -- the databases ----------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        connection = Connection(str(RUN / "db.sock"))
        self.session = _Session(connection)
        self.rows.clear()
        self.behind.clear()
        self.claims.clear()
        self.bad_rows.clear()
        self.awaited = None
        for database in TABLES:
            number = connection.request("monitor", database, database, requests(database))
            self.session.handlers[number] = functools.partial(self._first, database)

    def _disconnect(self, why: str) -> None:
        if self.session:
            self.session.connection.close()
            self._tell(f"ovsdb-server: {why}")
        self.session = None
        # What it says next may be something else.
        self.changed = True
        self.retry_at = time.monotonic() + RETRY_SECONDS

    def _take(self, message: Message) -> None:
        session = self.session
        if session is None:
            return
        if message.get("method") == "update":
            database, updates = message["params"]
            self._follow(session.replica(database).take(updates))
        elif message.get("id") in session.handlers:
            handler = session.handlers.pop(message["id"])
            if message.get("error"):
                raise Lost(str(message["error"].get("details") or message["error"])[:200])
            handler(message["result"])

    def _first(self, database: str, rows: Any) -> None:
        if self.session:
            self._follow(self.session.replica(database).take(rows))
            self.session.read.add(database)
            self.changed = True
            # Those that went while there was no connection are found by this.
            self.changed_macs.update(self.macs, self.bad_macs)
            if self.session.read == set(TABLES):
                self._tell("connected to ovsdb-server")
                self.told.clear()

    def _follow(self, changes: Iterable[Change]) -> None:
        for table, uuid, old, new in changes:
            if table == _MAC_TABLE:
                self._follow_mac(uuid, old, new)
            elif table in OWN and old and new and all(old[column] == new[column] for column in old if column not in OWN[table]):
                continue
            elif table == "Physical_Locator" and old and new:
                self.changed = True
                # Rows that went with the same transaction may still be among these.
                rows = self._live().vtep[_MAC_TABLE]
                for mac, own in self.rows.items():
                    if any(one in rows and rows[one]["locator"] == uuid for one in own):
                        self.changed_macs.update((mac, *self._rivals(mac)))
            elif table not in _SILENT:
                self.changed = True

    def _live(self) -> _Session:
        if self.session is None:
            raise Lost("there is no connection")
        return self.session

    def _row(self, mac: Mac) -> Row:
        """The row that counts of those of a MAC address."""
        return self._live().vtep[_MAC_TABLE][min(self.rows[mac])]

    def _rivals(self, mac: Mac) -> set[Mac]:
        """The MAC addresses that claim the same IP address as one of the rows of this one."""
        rows = self._live().vtep[_MAC_TABLE]
        claimed = {flows.answered(rows[one]["ipaddr"]) for one in self.rows.get(mac, ()) if one in rows}
        return {other for address in claimed for other, _row in self.claims.get((mac.switch, address), ())}

    def _follow_mac(self, uuid: str, old: Row | None, new: Row | None) -> None:
        for row, is_new in ((old, False), (new, True)):
            if row is None:
                continue
            _note(self.behind, (row["logical_switch"], row["locator"]), uuid, is_new)
            mac = remote_mac(row)
            if mac is None:
                continue
            _note(self.rows, mac, uuid, is_new)
            self.changed_macs.add(mac)
            if address := flows.answered(row["ipaddr"]):
                claim = (mac.switch, address)
                _note(self.claims, claim, (mac, uuid), is_new)
                self.changed_macs.update(other for other, _row in self.claims.get(claim, ()))
            if len(self.rows.get(mac, ())) > 1 or not is_new:
                # Of several rows another one may count now, with another IP address.
                self.changed_macs.update(self._rivals(mac))
        self.bad_rows.pop(uuid, None)
        if new and not remote_mac(new):
            self.bad_rows[uuid] = f"Ucast_Macs_Remote {new['MAC']}: no unicast MAC address"
        self.changed = True

    def _all_faults(self, own: Vtep) -> list[Fault]:
        of_macs = [Fault("Physical_Switch", own.uuid, UNSPECIFIED, words) for words in (*self.bad_rows.values(), *self.bad_macs.values())]
        return [*self.faults, *of_macs]

    def _transact(self, database: str, operations: list[ports.Operation], then: Handler | None = None) -> None:
        """Send a transaction; while it is under way no other is sent to this database."""
        session = self._live()
        session.busy.add(database)

        def done(results: Any) -> None:
            session.busy.discard(database)
            errors = [one for one in results if one and one.get("error")]
            if errors:
                # Somebody else has changed a row that it names; the news of that are on their way, and lead to another one.
                words = f"{database}: a transaction was refused: {errors[0].get('error')}: {errors[0].get('details', '')}"
                # Or they do not: another bridge may have a port of the same name.
                self.retry_at = time.monotonic() + (FAULT_SECONDS if words in self.told else RETRY_SECONDS)
                self._tell(words)
                if database == SWITCH and self.awaited == sys.maxsize:
                    self.awaited = None
            elif then:
                then(results)

        number = session.connection.request("transact", database, *operations)
        session.handlers[number] = done

    # -- the switch -------------------------------------------------------------------------------------------------

    def _attach(self) -> bool:
        """Whether ovs-vswitchd is reached and its port numbers are those of now."""
        session = self._live()
        if self.watch is None:
            if time.monotonic() < self.retry_at:
                return False
            if not self.flowtable.is_there():
                self.retry_at = time.monotonic() + RETRY_SECONDS
                return False
            self.watch = openflow.Watch(self.bridge)
            self.awaited = None
            self.synchronised = False
            self._tell("connected to ovs-vswitchd")
        if self.awaited is None and SWITCH not in session.busy and time.monotonic() >= self.retry_at:
            self.awaited = sys.maxsize
            ask = {"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]]}
            look = {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}
            self._transact(SWITCH, [ask, look], self._asked)
        current = max((row["cur_cfg"] for row in session.switch["Open_vSwitch"].values()), default=-1)
        return self.awaited is not None and current >= self.awaited

    def _asked(self, results: Any) -> None:
        self.awaited = max((row["next_cfg"] for row in results[1]["rows"]), default=0)

    def _detach(self, why: str) -> None:
        if self.watch:
            self.watch.close()
            self._tell(f"ovs-vswitchd: {why}")
        self.watch = None
        self.synchronised = False
        self.changed = True
        self.retry_at = time.monotonic() + (FAULT_SECONDS if self.flowtable.is_there() else RETRY_SECONDS)

    def _tell(self, words: str) -> None:
        """Log something that may come again and again, once."""
        if words not in self.told:
            log(words)
        # What is said of both daemons comes by turns.
        self.told = [*self.told[-3:], words]

    # -- what should be ---------------------------------------------------------------------------------------------

    def _reconcile(self) -> None:
        session = self.session
        if session is None or session.read != set(TABLES):
            return
        if self.changed:
            self._survey(session)
        attached = self._attach()
        if self.own is None:
            if attached and (self.structure or self.macs or not self.synchronised):
                self._synchronise({}, {})
            self.changed = False
            return
        may_write = time.monotonic() >= self.retry_at
        if SWITCH not in session.busy and may_write:
            operations = ports.operations(session.switch, self.bridge, ports.wanted(session.vtep, self.own))
            if operations:
                self._transact(SWITCH, operations)
        if attached and (self.changed or not self.synchronised):
            self._flows(session, self.own)
        if self.heard and self.synchronised:
            self._forget(self.own)
        if self.synchronised and VTEP not in session.busy and may_write:
            faults = self._all_faults(self.own)
            self._say({fault.words for fault in faults})
            operations = publish.operations(session.vtep, session.switch, self.bridge, self.own, self._learned(self.own), faults)
            if operations:
                self._transact(VTEP, operations)

    def _survey(self, session: _Session) -> None:
        before = self.own
        self.own = survey(session.vtep, session.switch, self.bridge, self.behind)
        if self.own is None:
            self.rules, self.faults = [], []
            return
        self.rules, faults = acl.rules(session.vtep, self.own.physical)
        self.faults = [*self.own.faults, *faults]
        if before is None or (before.tunnel, before.address) != (self.own.tunnel, self.own.address):
            self.changed_macs.update(self.rows)
            return
        touched = {uuid for uuid in before.switches.keys() | self.own.switches.keys() if _key(before, uuid) != _key(self.own, uuid)}
        if touched:
            self.changed_macs.update(mac for mac in self.rows if mac.switch in touched)
            self.changed_macs.update(mac for mac in self.macs if mac.switch in touched)

    def _say(self, words: set[str]) -> None:
        for one in sorted(words - self.said):
            log(f"fault: {one}")
        for one in sorted(self.said - words):
            log(f"no longer: {one}")
        self.said = words

    def _flows(self, session: _Session, own: Vtep) -> None:
        structure = flows.structure(own, self.rules)
        if not self.synchronised:
            names = {row["name"] for row in session.switch["Interface"].values() if row["type"] == "internal"}
            for words in devices.repair(names):
                log(words)
            self.bad_macs.clear()
            macs = {mac: found for mac in self.rows if (found := self._mac_flows(session, own, mac))}
            self._synchronise(structure, macs)
            # What was learned before is not looked at so far.
            self.changed, self.heard = False, True
            return
        new = {mac: self._mac_flows(session, own, mac) for mac in self.changed_macs}
        old_flows = {match: actions for mac in new for match, actions in self.macs.get(mac, {}).items()}
        new_flows = {match: actions for found in new.values() for match, actions in found.items()}
        was = {**self.structure, **old_flows}
        will = {**structure, **new_flows}
        # The latest news of a MAC address counts: that of the controller, where a row has just come or changed, or else the last frame.
        news = [mac for mac, found in new.items() if found and found != self.macs.get(mac)]
        moved = {openflow.Learned(own.switches[mac.switch].metadata, mac.address) for mac in news} & self._known().keys()
        remove = [match for match in was if match not in will]
        add = {match: actions for match, actions in will.items() if was.get(match) != actions}
        self.flowtable.apply(remove, add, sorted(moved | self._strays(own)))
        self.structure = structure
        for mac, found in new.items():
            if found:
                self.macs[mac] = found
            else:
                self.macs.pop(mac, None)
        self.changed_macs.clear()
        self.changed = self.heard = False

    def _forget(self, own: Vtep) -> None:
        """Remove what was learned at bindings that are gone: a packet that was under way may bring it back."""
        self.flowtable.apply([], {}, sorted(self._strays(own)))
        self.heard = False

    def _known(self) -> dict[openflow.Learned, openflow.Seen]:
        return self.watch.known if self.watch else {}

    def _strays(self, own: Vtep) -> set[openflow.Learned]:
        return openflow.bound(self._known(), self._places(own))[1]

    def _mac_flows(self, session: _Session, own: Vtep, mac: Mac) -> flows.Flows:
        """The flows of a remote MAC address; none where its switch has no binding here, or no tunnels."""
        where = self._place(session, own, mac)
        if where is None or own.tunnel is None:
            return {}
        answered = flows.answered(self._row(mac)["ipaddr"]) if self.options.arp_suppression else ""
        rivals = {other for other, _row in self.claims.get((mac.switch, answered), ())}
        answers = not any(other < mac and self._answers(session, own, other, answered) for other in rivals)
        return dict(flows.mac_flows(own.switches[mac.switch], mac.address, where, own.tunnel, answered, answers))

    def _answers(self, session: _Session, own: Vtep, mac: Mac, address: str) -> bool:
        """Whether a MAC address may be the answer to a question for an IP address."""
        return self._place(session, own, mac) is not None and flows.answered(self._row(mac)["ipaddr"]) == address

    def _place(self, session: _Session, own: Vtep, mac: Mac) -> Place | None:
        """Where a remote MAC address is; nowhere where its switch has no binding here, or no tunnels."""
        self.bad_macs.pop(mac, None)
        switch = own.switches.get(mac.switch)
        if mac not in self.rows or switch is None or switch.key is None or own.tunnel is None:
            return None
        try:
            return place(session.vtep, self._row(mac)["locator"], switch.key, own.address)
        except ValueError as error:
            self.bad_macs[mac] = f"Ucast_Macs_Remote {mac.address}: its locator: {error}"
            return None

    def _synchronise(self, structure: flows.Flows, macs: dict[Mac, flows.Flows]) -> None:
        """Compare with what the switch has, which another emulator may have left, and change the differences."""
        wanted = {**structure, **{match: actions for found in macs.values() for match, actions in found.items()}}
        remove, add = self.flowtable.differences(wanted)
        self.flowtable.apply(remove, add)
        if self.watch:
            # Before anything is published, so that no controller sees them come and go.
            self.watch.known.update(self.flowtable.learned())
        self.structure, self.macs = structure, macs
        self.changed_macs.clear()
        self.synchronised = True
        self.told.clear()
        log(f"{len(wanted)} flows: {len(remove)} were removed, {'none was' if not add else 'some were'} missing")

    def _places(self, own: Vtep) -> dict[str, set[openflow.Seen]]:
        return {
            switch.metadata: {openflow.Seen(one.port, flows.tag(one.vlan)) for one in switch.bindings} for switch in own.switches.values()
        }

    def _learned(self, own: Vtep) -> set[Mac]:
        names = {switch.metadata: uuid for uuid, switch in own.switches.items()}
        good = openflow.bound(self._known(), self._places(own))[0]
        return {Mac(names[one.metadata], one.mac) for one in good}

    # -- counters ---------------------------------------------------------------------------------------------------

    def _next_count(self) -> float:
        return self.count_at if self.synchronised and self.own and self.own.switches else 0.0

    def _count(self) -> None:
        session, own, now = self.session, self.own, time.monotonic()
        if session is None or session.read != set(TABLES) or VTEP in session.busy or not self.synchronised:
            return
        if own is None or not own.switches or now < self.count_at:
            return
        self.count_at = now + COUNT_SECONDS
        counts = self.flowtable.counts()
        found = {}
        for one, number in own.physical.items():
            for vlan, switch in session.vtep["Physical_Port"][one]["vlan_bindings"].items():
                if switch in own.switches:
                    found[one, vlan] = openflow.counted_from(counts, number, vlan, flows.tag(vlan), own.switches[switch].metadata)
        operations = publish.counters(session.vtep, own, found)
        if operations:
            self._transact(VTEP, operations)

    # -- who asks ---------------------------------------------------------------------------------------------------

    def _listen(self) -> socket.socket:
        path = control_socket(self.bridge)
        if os.path.exists(path):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        return listener

    def _accept(self) -> None:
        client, _address = self.control.accept()
        # Who asks and does not read is not waited for.
        client.settimeout(RETRY_SECONDS)
        self.clients[client.fileno()] = client, {}

    def _ask(self, client: socket.socket) -> None:
        """A question came: a line of JSON, such as ``{"wait": true, "ports": ["vm1"]}``."""
        try:
            text = client.recv(1 << 16, socket.MSG_DONTWAIT)
            asked = json.loads(text) if text else None
        except (OSError, ValueError):
            asked = None
        if not isinstance(asked, dict) or not isinstance(asked.get("ports", []), list):
            self._close(client)
            return
        asked["news"] = set(TABLES) if asked.get("wait") else set()
        self.clients[client.fileno()] = client, asked

    def _close(self, client: socket.socket) -> None:
        self.clients.pop(client.fileno(), None)
        client.close()

    def _reply(self) -> None:
        session = self.session
        for client, asked in list(self.clients.values()):
            if not asked:
                continue
            if asked["news"]:
                # What was committed before the question is heard before its answer.
                for database in list(asked["news"]) if session and session.read == set(TABLES) else ():
                    if session and database not in session.busy:
                        asked["news"].discard(database)
                        self._transact(database, [{"op": "comment", "comment": "vtepd: a question"}])
                continue
            status = self.status()
            if asked.get("wait") and (not status["ready"] or set(map(str, asked.get("ports", []))) - set(status["ports"])):
                continue
            with contextlib.suppress(OSError):
                client.sendall(json.dumps(status).encode() + b"\n")
            self._close(client)

    def status(self) -> dict[str, Any]:
        """What the emulator does, for who asks."""
        session, own = self.session, self.own
        names = {number: name for name, number in own.ports.items()} if own else {}
        switches = (
            {switch.name: {"tunnel_key": switch.key, "bindings": len(switch.bindings)} for switch in own.switches.values()} if own else {}
        )
        tunnel_missing = bool(own and own.address and own.tunnel is None)
        return {
            "pid": os.getpid(),
            "ready": bool(own and session and not session.busy and self.synchronised and not self.changed and not tunnel_missing),
            "database": bool(session),
            "switch": self.synchronised,
            "tunnel_ip": own.address if own else None,
            "ports": sorted(names[number] for number in own.physical.values()) if own else [],
            "logical_switches": switches,
            "flows": len(self.structure) + sum(map(len, self.macs.values())),
            "learned": len(self.watch.known) if self.watch else 0,
            "faults": sorted(self.said),
        }


def _note(index: dict[Key, set[Item]], key: Key, item: Item, is_there: bool) -> None:
    """Keep an index in which no key is without an item."""
    if is_there:
        index.setdefault(key, set()).add(item)
    elif key in index:
        index[key].discard(item)
        if not index[key]:
            del index[key]


def _key(own: Vtep, uuid: str) -> object:
    switch = own.switches.get(uuid)
    return None if switch is None else (switch.key,)

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bridges and ports of the Open_vSwitch database (ovs-vswitchd.conf.db.5), through ovsdbapp.

``plan`` is pure: wanted and current bridge in, changes out. ``Vswitch`` reads a bridge, and commits changes in one
transaction that ends when ovs-vswitchd has carried them out.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary, UserError

T = TypeVar("T")

COLUMNS = {
    "Open_vSwitch": ["bridges", "next_cfg", "cur_cfg"],
    "Bridge": ["name", "datapath_type", "fail_mode", "other_config", "external_ids", "ports"],
    "Port": ["name", "interfaces", "tag"],
    "Interface": ["name", "type", "options", "mac", "mtu_request", "ofport", "error"],
}

OVSDBAPP_ERROR: str | None = None
try:
    from ovs.db import idl
    from ovsdbapp.backend.ovs_idl import connection, idlutils
    from ovsdbapp.schema.open_vswitch import impl_idl
except ImportError:
    OVSDBAPP_ERROR = traceback.format_exc()
else:

    class _Api(impl_idl.OvsdbIdl):
        """Of ``lookup_table`` (how a record is found by name), the tables that are replicated here."""

        lookup_table = {table: how for table, how in impl_idl.OvsdbIdl.lookup_table.items() if table in COLUMNS}


# ovsdbapp logs what it raises as well; the task's result says it once.
logging.getLogger("ovsdbapp").addHandler(logging.NullHandler())


@dataclass
class Port:
    """A port with one interface. ``None`` is not managed (wanted) or not set (current)."""

    type: str | None = None
    mac: str | None = None
    #: In bytes.
    mtu_request: int | None = None
    #: Those of a tunnel.
    options: dict[str, str] | None = None
    #: The VLAN of an access port.
    tag: int | None = None
    #: The OpenFlow port number; -1 where ovs-vswitchd cannot use the port, and ``error`` says why.
    ofport: int | None = None
    error: str | None = None


@dataclass
class Bridge:
    """A bridge. Of the wanted maps and ports, only the keys that are given are managed."""

    datapath_type: str | None = None
    fail_mode: str | None = None
    other_config: dict[str, str] = field(default_factory=dict)
    external_ids: dict[str, str] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)


@dataclass
class Changes:
    """``bridge`` and ``ports`` hold the columns to set, ``added`` the ports to create."""

    create: bool = False
    bridge: dict[str, Any] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    ports: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.create or self.bridge or self.added or self.ports)


def plan(wanted: Bridge, current: Bridge | None) -> Changes:
    """What has to change. A port that is right is never touched: its number would change with it."""
    changes = Changes(create=current is None)
    have = current or Bridge()
    for column in ("datapath_type", "fail_mode"):
        value = getattr(wanted, column)
        if value is not None and value != (getattr(have, column) or ""):
            changes.bridge[column] = value
    for column in ("other_config", "external_ids"):
        keys = {key: value for key, value in getattr(wanted, column).items() if getattr(have, column).get(key) != value}
        if keys:
            changes.bridge[column] = keys
    for name, port in wanted.ports.items():
        if name not in have.ports:
            changes.added.append(name)
        there = have.ports.get(name, Port())
        columns = {
            column: getattr(port, column)
            for column in ("type", "mac", "mtu_request", "options", "tag")
            if getattr(port, column) is not None and getattr(port, column) != getattr(there, column)
        }
        if columns:
            changes.ports[name] = columns
    return changes


class Vswitch:
    """A connection to the Open_vSwitch database.

    Every method raises ``UserError`` when the server refuses, or does not answer in time.
    """

    def __init__(self, database: str, timeout: float) -> None:
        """Connect to ``database``, ``unix:PATH`` or ``tcp:HOST:PORT``; every wait ends after ``timeout`` seconds.

        Raises ``MissingLibrary`` without ovsdbapp.
        """
        if OVSDBAPP_ERROR:
            raise MissingLibrary("ovsdbapp", OVSDBAPP_ERROR)
        self.database = database
        self.timeout = timeout
        try:
            helper = idlutils.get_schema_helper(database, "Open_vSwitch")
        except Exception as error:  # ovsdbapp raises a bare Exception here
            raise UserError(
                f"database: cannot read the Open_vSwitch database at {database}: {error}; check that ovsdb-server runs"
            ) from None
        for table, columns in COLUMNS.items():
            helper.register_columns(table, columns)
        replica = connection.OvsdbIdl(database, helper)
        try:
            self.api = _Api(connection.Connection(replica, timeout))
        except Exception as error:
            raise UserError(f"database: no answer from {database} in {timeout:g} s: {error}") from None

    def read(self, name: str) -> Bridge | None:
        """A bridge with its ports as they are now, without the port of its own name; ``None`` where it is not there."""
        with self.api.ovsdb_connection.lock:
            row = self._row(name)
            if row is None:
                return None
            ports = {port.name: _port(port) for port in row.ports if len(port.interfaces) == 1 and port.name != name}
            return Bridge(row.datapath_type, _first(row.fail_mode), dict(row.other_config), dict(row.external_ids), ports)

    def bridge_of(self, port: str) -> str | None:
        """The bridge that a port is on, if any."""
        with self.api.ovsdb_connection.lock:
            for row in self.api.tables["Bridge"].rows.values():
                if any(one.name == port for one in row.ports):
                    return row.name
        return None

    def commit(self, name: str, changes: Changes) -> None:
        """Make the changes in one transaction, and wait until ovs-vswitchd has carried them out."""
        commands = [self.api.add_br(name, may_exist=False)] if changes.create else []
        commands += [self.api.add_port(name, port, may_exist=False) for port in changes.added]
        for table, record, columns in (
            ("Bridge", name, changes.bridge),
            *(
                (table, port, {column: value for column, value in columns.items() if column in COLUMNS[table]})
                for port, columns in changes.ports.items()
                for table in ("Port", "Interface")
            ),
        ):
            if columns:
                commands.append(self.api.db_set(table, record, *columns.items()))
        self._run(*commands)

    def settle(self, name: str) -> None:
        """Wait until ovs-vswitchd has carried out what is in the database."""
        self._run(self.api.br_exists(name))

    def remove(self, name: str) -> None:
        """Delete a bridge with its ports, and wait until ovs-vswitchd has carried it out."""
        self._run(self.api.del_br(name))

    def undo(self, name: str, changes: Changes) -> None:
        """Take away what ``commit`` added."""
        self._run(*([self.api.del_br(name)] if changes.create else [self.api.del_port(port, name) for port in changes.added]))

    def _run(self, *commands: Any) -> None:
        try:
            with self.api.transaction(check_error=True, log_errors=False) as transaction:
                for command in commands:
                    transaction.add(command)
        except Exception as error:
            raise UserError(f"the Open_vSwitch database refused the change: {error}") from None

    def _row(self, name: str) -> idl.Row | None:
        return idlutils.row_by_value(self.api.idl, "Bridge", "name", name, None)


def _port(port: idl.Row) -> Port:
    [interface] = port.interfaces
    optional = {column: _first(getattr(interface, column)) for column in ("mac", "mtu_request", "ofport", "error")}
    return Port(type=interface.type, options=dict(interface.options), tag=_first(port.tag), **optional)


def _first(values: Sequence[T]) -> T | None:
    return values[0] if values else None

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that VTEPs connect to: python controller.py ADDRESS PORT WANTED.JSON [KEY CERTIFICATE CA]

It listens, asks each VTEP that connects who it is, and writes the rows that the lab's wanted.json has for its address (RFC 7047). It
reads the file again for each connection, and holds the connection until the VTEP ends it. Its rows are its own: when somebody else changes
one, it writes them again. Of the servers of a cluster, each of which connects, it writes at the one that leads (ovsdb-server(7)).
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading

# How long a VTEP may take to set itself up.
WAIT_MILLISECONDS = 60_000
# VTEPs that connect at one time.
BACKLOG = 1024
# What tells that somebody else has changed its rows.
OWN = {"Logical_Switch": ["tunnel_key"], "Ucast_Macs_Remote": ["MAC"], "Mcast_Macs_Remote": ["MAC", "locator_set"]}


class Vtep:
    """The connection of one VTEP's database server."""

    def __init__(self, connection):
        self.connection = connection
        self.buffer = ""
        self.decoder = json.JSONDecoder()

    def receive(self):
        """The next message; ``None`` at the end. Answers the server's echo requests, which would close the connection otherwise."""
        while True:
            self.buffer = self.buffer.lstrip()
            try:
                message, end = self.decoder.raw_decode(self.buffer)
            except json.JSONDecodeError:
                data = self.connection.recv(65536)
                if not data:
                    return None
                self.buffer += data.decode()
                continue
            self.buffer = self.buffer[end:]
            if message.get("method") == "echo":
                self.send({"id": message["id"], "result": message["params"], "error": None})
            else:
                return message

    def send(self, message):
        self.connection.sendall(json.dumps(message).encode())

    def call(self, method, *params):
        """The result of a method. What comes before it tells of what was before it, or of the method's own doing."""
        self.send({"id": 1, "method": method, "params": params})
        while (message := self.receive()) and "method" in message:
            pass
        if not message or message["error"]:
            raise RuntimeError(f"the VTEP refuses: {message}")
        return message["result"]

    def transact(self, operations, database="hardware_vtep"):
        results = self.call("transact", database, *operations)
        if failed := [result for result in results if result and "error" in result]:
            raise RuntimeError(f"the VTEP refuses: {failed}")
        return results

    def leads(self):
        [found] = self.transact([{"op": "select", "table": "Database", "where": [["name", "==", "hardware_vtep"]]}], "_Server")
        return found["rows"][0]["leader"]


def rows(tables, switches, locators):
    """The operations that write the tables of one VTEP, in place of the remotes that are there.

    ``switches``, ``locators``: those that are there, as OVSDB refers to them. They stay, as the VTEP's own rows refer to them, too.
    """
    for table in ("Ucast_Macs_Remote", "Mcast_Macs_Remote"):
        yield {"op": "delete", "table": table, "where": []}
    names = {}
    locators = dict(locators)
    for number, (name, switch) in enumerate(tables["logical_switches"].items()):
        row = {"name": name, "tunnel_key": switch["tunnel_key"], "replication_mode": switch["replication_mode"]}
        if name in switches:
            names[name] = switches[name]
            yield {"op": "update", "table": "Logical_Switch", "where": [["_uuid", "==", names[name]]], "row": row}
        else:
            names[name] = ["named-uuid", f"switch{number}"]
            yield {"op": "insert", "table": "Logical_Switch", "row": row, "uuid-name": f"switch{number}"}
        remotes = [columns["locator"] for columns in switch["ucast_remote"].values()]
        remotes += [address for columns in switch["mcast_remote"].values() for address in columns["locators"]]
        for address in sorted({*remotes} - {*locators}):
            locators[address] = ["named-uuid", f"locator{len(locators)}"]
            row = {"encapsulation_type": "vxlan_over_ipv4", "dst_ip": address}
            yield {"op": "insert", "table": "Physical_Locator", "row": row, "uuid-name": locators[address][1]}
        for mac, columns in switch["ucast_remote"].items():
            place = {"locator": locators[columns["locator"]], "logical_switch": names[name]}
            yield {"op": "insert", "table": "Ucast_Macs_Remote", "row": {"MAC": mac, "ipaddr": columns["ipaddr"], **place}}
        for mac, columns in switch["mcast_remote"].items():
            members = ["set", [locators[address] for address in columns["locators"]]]
            yield {"op": "insert", "table": "Physical_Locator_Set", "row": {"locators": members}, "uuid-name": f"set{number}"}
            place = {"locator_set": ["named-uuid", f"set{number}"], "logical_switch": names[name]}
            yield {"op": "insert", "table": "Mcast_Macs_Remote", "row": {"MAC": mac, **place}}
    for physical in tables["physical_switches"].values():
        for port, columns in physical["ports"].items():
            where = [["name", "==", port]]
            # The VTEP may still be setting itself up.
            there = {"columns": ["name"], "until": "==", "rows": [{"name": port}], "timeout": WAIT_MILLISECONDS}
            yield {"op": "wait", "table": "Physical_Port", "where": where, **there}
            bound = [[int(vlan), names[name]] for vlan, name in columns["vlan_bindings"].items()]
            yield {"op": "update", "table": "Physical_Port", "where": where, "row": {"vlan_bindings": ["map", bound]}}
    yield {"op": "comment", "comment": "controller.py"}


def serve(connection, wanted):
    """Write what a VTEP that has connected needs. Whatever fails, the end of the connection makes it try again."""
    with connection:
        vtep = Vtep(connection)
        while not (mine := own_tables(vtep, wanted)):
            # The VTEP has not set itself up: until the table has a row.
            there = {"columns": ["name"], "until": "!=", "rows": [], "timeout": WAIT_MILLISECONDS}
            vtep.transact([{"op": "wait", "table": "Physical_Switch", "where": [], **there}])
        vtep.call("monitor", "_Server", "server", {"Database": {"columns": ["leader"]}})
        vtep.call("monitor", "hardware_vtep", "rows", {table: {"columns": columns} for table, columns in OWN.items()})
        while True:
            if vtep.leads():
                write(vtep, mine)
                print(f"{mine['tunnel_ip']}: written", flush=True)
            # Until something has changed, or the end.
            if not vtep.receive():
                return


def write(vtep, mine):
    """Write the tables of a VTEP."""
    names = {"Logical_Switch": "name", "Physical_Locator": "dst_ip"}
    found = vtep.transact([{"op": "select", "table": table, "where": [], "columns": ["_uuid", name]} for table, name in names.items()])
    switches, locators = ({row[name]: row["_uuid"] for row in result["rows"]} for name, result in zip(names.values(), found, strict=True))
    vtep.transact(list(rows(mine, switches, locators)))


def own_tables(vtep, wanted):
    """The tables of the VTEP that has connected, known by its tunnel's address; ``None`` where it has none yet."""
    [found] = vtep.transact([{"op": "select", "table": "Physical_Switch", "where": [], "columns": ["tunnel_ips"]}])
    addresses = [row["tunnel_ips"] for row in found["rows"]]
    with open(wanted, encoding="utf-8") as file:
        return next((tables for tables in json.load(file).values() if tables["tunnel_ip"] in addresses), None)


def main(address, port, wanted, *tls):
    with socket.create_server((address, int(port)), backlog=BACKLOG) as listener:
        context = None
        if tls:
            key, certificate, ca = tls
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            context.load_verify_locations(ca)
            context.verify_mode = ssl.CERT_REQUIRED
        while True:
            connection, unused = listener.accept()
            try:
                connection = context.wrap_socket(connection, server_side=True) if context else connection
            except OSError as error:
                print(f"no TLS: {error}", flush=True)
                continue
            threading.Thread(target=serve, args=(connection, wanted), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])

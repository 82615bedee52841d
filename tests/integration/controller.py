# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that VTEPs connect to: python controller.py ADDRESS PORT WANTED.JSON [KEY CERTIFICATE CA]

It listens, asks each VTEP that connects who it is, and writes the rows that the lab's wanted.json has for its address (RFC 7047). It
reads the file again for each connection, and holds the connection until the VTEP ends it.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading


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

    def transact(self, operations):
        self.send({"id": 1, "method": "transact", "params": ["hardware_vtep", *operations]})
        message = self.receive()
        results = message["result"] if message else []
        failed = [result for result in results if result and "error" in result]
        if not message or message["error"] or failed:
            raise RuntimeError(f"the VTEP refuses: {message}")
        return results


def rows(tables):
    """The operations that write the tables of one VTEP, in place of all that is there."""
    for table in ("Ucast_Macs_Remote", "Mcast_Macs_Remote"):
        yield {"op": "delete", "table": table, "where": []}
    ports = {port: columns["vlan_bindings"] for switch in tables["physical_switches"].values() for port, columns in switch["ports"].items()}
    for port in ports:
        # The VTEP may still be setting itself up.
        where = [["name", "==", port]]
        yield {
            "op": "wait",
            "table": "Physical_Port",
            "where": where,
            "columns": ["name"],
            "until": "==",
            "rows": [{"name": port}],
            "timeout": 60000,
        }
        yield {"op": "update", "table": "Physical_Port", "where": where, "row": {"vlan_bindings": ["map", []]}}
    yield {"op": "delete", "table": "Logical_Switch", "where": []}
    locators = {}

    def locator(address):
        if address not in locators:
            locators[address] = f"locator{len(locators)}"
            row = {"encapsulation_type": "vxlan_over_ipv4", "dst_ip": address}
            yield {"op": "insert", "table": "Physical_Locator", "row": row, "uuid-name": locators[address]}

    yield {"op": "delete", "table": "Physical_Locator", "where": []}
    names = {}
    for number, (name, switch) in enumerate(tables["logical_switches"].items()):
        names[name] = f"switch{number}"
        row = {"name": name, "tunnel_key": switch["tunnel_key"], "replication_mode": switch["replication_mode"]}
        yield {"op": "insert", "table": "Logical_Switch", "row": row, "uuid-name": names[name]}
        for mac, columns in switch["ucast_remote"].items():
            yield from locator(columns["locator"])
            place = {"locator": ["named-uuid", locators[columns["locator"]]], "logical_switch": ["named-uuid", names[name]]}
            yield {"op": "insert", "table": "Ucast_Macs_Remote", "row": {"MAC": mac, "ipaddr": columns["ipaddr"], **place}}
        for mac, columns in switch["mcast_remote"].items():
            for address in columns["locators"]:
                yield from locator(address)
            members = ["set", [["named-uuid", locators[address]] for address in columns["locators"]]]
            yield {"op": "insert", "table": "Physical_Locator_Set", "row": {"locators": members}, "uuid-name": f"set{number}"}
            place = {"locator_set": ["named-uuid", f"set{number}"], "logical_switch": ["named-uuid", names[name]]}
            yield {"op": "insert", "table": "Mcast_Macs_Remote", "row": {"MAC": mac, **place}}
    for port, bindings in ports.items():
        bound = [[int(vlan), ["named-uuid", names[name]]] for vlan, name in bindings.items()]
        yield {"op": "update", "table": "Physical_Port", "where": [["name", "==", port]], "row": {"vlan_bindings": ["map", bound]}}
    yield {"op": "comment", "comment": "controller.py"}


def serve(connection, wanted):
    vtep = Vtep(connection)
    select = {"op": "select", "table": "Physical_Switch", "where": [], "columns": ["tunnel_ips"]}
    while True:
        [found] = vtep.transact([select])
        addresses = [row["tunnel_ips"] for row in found["rows"]]
        with open(wanted, encoding="utf-8") as file:
            mine = [tables for tables in json.load(file).values() if tables["tunnel_ip"] in addresses]
        if mine:
            break
        # The VTEP has not set itself up: until the table has a row.
        wait = {"op": "wait", "table": "Physical_Switch", "where": [], "columns": ["name"], "until": "!=", "rows": [], "timeout": 60000}
        vtep.transact([wait])
    vtep.transact(list(rows(mine[0])))
    print(f"{addresses[0]}: written", flush=True)
    while vtep.receive():
        pass


def main(address, port, wanted, *tls):
    with socket.create_server((address, int(port))) as listener:
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

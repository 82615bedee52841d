# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The floor: OVSDB's JSON-RPC with the standard library alone. No checks, no second look, no guard.

floor.py SOCKET insert|select SWITCH [MACS.json]
"""

import json
import socket
import sys

server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv[1])


def transact(operations):
    server.sendall(json.dumps({"method": "transact", "id": 1, "params": ["hardware_vtep", *operations]}).encode())
    parts = []
    while True:
        parts.append(server.recv(1 << 20))
        if parts[-1].endswith(b"}"):
            try:
                return json.loads(b"".join(parts))["result"]
            except ValueError:
                pass


(found,) = transact([{"op": "select", "table": "Logical_Switch", "where": [["name", "==", sys.argv[3]]], "columns": ["_uuid"]}])
switch = found["rows"][0]["_uuid"]
if sys.argv[2] == "select":
    columns = ["MAC", "logical_switch", "locator", "ipaddr"]
    transact([{"op": "select", "table": "Ucast_Macs_Remote", "where": [["logical_switch", "==", switch]], "columns": columns}])
    sys.exit()
with open(sys.argv[4]) as file:
    entries = json.load(file)
names = {address: f"l{number}" for number, address in enumerate({entry["locator"] for entry in entries})}
vxlan = [
    {"op": "insert", "table": "Physical_Locator", "uuid-name": name, "row": {"encapsulation_type": "vxlan_over_ipv4", "dst_ip": address}}
    for address, name in names.items()
]
rows = [{"MAC": entry["mac"], "logical_switch": switch, "locator": ["named-uuid", names[entry["locator"]]]} for entry in entries]
macs = [{"op": "insert", "table": "Ucast_Macs_Remote", "row": row} for row in rows]
assert not [answer for answer in transact(vxlan + macs) if "error" in answer]

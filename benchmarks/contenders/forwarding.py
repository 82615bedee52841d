# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commits a transaction, and tells how long after the server's reply the last of the frames it is for leaves through the tunnel.

forwarding.py TASK.json, inside a node. The task: socket, port, underlay, operations, probes ([VLAN, MAC]...), limit (seconds), and for the
floor, which does the emulator's work itself: bridge, flow (of the MAC address "{mac}"). Prints the seconds, or "null" at the limit.
"""

import json
import select
import socket
import struct
import subprocess
import sys
import time

ALL_PROTOCOLS, EXPERIMENTAL = 0x0003, 0x88B5
VXLAN_PORT = struct.pack("!H", 4789)
# Of the outer headers: Ethernet 14, IP 20, UDP 8, VXLAN 8 bytes.
OUTER, UDP_DESTINATION = 50, 36
SENDER = bytes.fromhex("000000000001")
# So few at a time and so often that the frames themselves are no load.
WINDOW, AGAIN_SECONDS = 10, 0.005


def transact(server, operations):
    server.sendall(json.dumps({"method": "transact", "id": 1, "params": ["hardware_vtep", *operations]}).encode())
    parts = []
    while True:
        parts.append(server.recv(1 << 20))
        if parts[-1].endswith(b"}"):
            try:
                results = json.loads(b"".join(parts))["result"]
            except ValueError:
                continue
            assert not [one for one in results if one and "error" in one], results
            return results


def packets(name, protocol):
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    found.bind((name, protocol))
    return found


def frame(vlan, mac):
    return mac + SENDER + struct.pack("!HHH", 0x8100, vlan, EXPERIMENTAL) + bytes(46)


def hand_over(server, task):
    """What an emulator cannot do without: read the rows, and hand their flows to the switch."""
    columns = ["MAC", "logical_switch", "locator", "ipaddr"]
    (found,) = transact(server, [{"op": "select", "table": "Ucast_Macs_Remote", "where": [], "columns": columns}])
    flows = "".join(task["flow"].replace("{mac}", row["MAC"]) + "\n" for row in found["rows"])
    subprocess.run(["ovs-ofctl", "-OOpenFlow15", "--bundle", "add-flows", task["bridge"], "-"], input=flows, text=True, check=True)


def main():
    with open(sys.argv[1]) as file:
        task = json.load(file)
    waiting = {(mac := bytes.fromhex(text.replace(":", ""))): frame(vlan, mac) for vlan, text in task["probes"]}
    server = socket.socket(socket.AF_UNIX)
    server.connect(task["socket"])
    # 0: what comes in is not read.
    port, underlay = packets(task["port"], 0), packets(task["underlay"], ALL_PROTOCOLS)
    transact(server, task["operations"])
    committed = last = time.monotonic()
    if "flow" in task:
        hand_over(server, task)
    while waiting and last < committed + task["limit"]:
        window = dict(list(waiting.items())[:WINDOW])
        for one in window.values():
            port.send(one)
        again = time.monotonic() + AGAIN_SECONDS
        while not window.keys().isdisjoint(waiting) and (left := again - time.monotonic()) > 0:
            if select.select([underlay], [], [], left)[0]:
                packet = underlay.recv(2048)
                if packet[UDP_DESTINATION : UDP_DESTINATION + 2] == VXLAN_PORT:
                    waiting.pop(packet[OUTER : OUTER + 6], None)
        last = time.monotonic()
    print(json.dumps(None if waiting else last - committed))


main()

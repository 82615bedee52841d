# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a script on ovsdbapp does: a replica of the tables, then one transaction of inserts for what is missing.

idl.py SOCKET SWITCH MACS.json
"""

import json
import sys

from ovsdbapp.backend.ovs_idl import connection
from ovsdbapp.schema.hardware_vtep import impl_idl

idl = connection.OvsdbIdl.from_server(f"unix:{sys.argv[1]}", "hardware_vtep")
api = impl_idl.HwVtepApiIdlImpl(connection.Connection(idl, 600))
with open(sys.argv[3]) as file:
    entries = json.load(file)
(switch,) = (row for row in api.tables["Logical_Switch"].rows.values() if row.name == sys.argv[2])
there = {row.MAC for row in api.tables["Ucast_Macs_Remote"].rows.values() if row.logical_switch == switch}
locators = {row.dst_ip: row for row in api.tables["Physical_Locator"].rows.values()}
with api.transaction(check_error=True) as txn:
    made = {}
    for entry in entries:
        if entry["mac"] not in there:
            address = entry["locator"]
            if address not in locators and address not in made:
                made[address] = txn.add(api.db_create("Physical_Locator", encapsulation_type="vxlan_over_ipv4", dst_ip=address))
            locator = locators[address].uuid if address in locators else made[address]
            txn.add(api.db_create("Ucast_Macs_Remote", MAC=entry["mac"], logical_switch=switch.uuid, locator=locator))

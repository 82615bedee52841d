#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_audit
short_description: Check the databases of many VTEPs against each other
version_added: 0.1.0
description:
  - Reads the OVSDB database hardware_vtep of each VTEP, or a saved copy of it, and reports what does not fit together. Examples are
    different VNIs for one logical switch, locators that nobody has, flood lists with gaps, and MAC addresses that are elsewhere.
  - Also reports what the VTEPs say of themselves, that is faults and tunnels that are down. With O(vteps[].wanted), reports every
    difference from the tables that the VTEPs should have.
  - Each database is read at one moment, one after the other. Memory is needed for one database at a time; MAC addresses are compared in
    a temporary file without a name, in the folder that the environment variable E(SQLITE_TMPDIR) or E(TMPDIR) names.
  - A VTEP that cannot be read is a finding of the kind V(not_read). The others are still checked, and nothing is reported that only the
    missing one could refute.
  - The playbook C(vxlanlab.vtep.fabric_audit) does this for an inventory and writes reports.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.info
options:
  vteps:
    description:
      - The VTEPs. O(database), O(timeout) and the TLS options are the defaults of those that do not say their own; O(timeout) counts for
        each VTEP anew.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the VTEP is called in findings. Different for each.
        type: str
        required: true
      database:
        description:
          - Address of its OVSDB server, as for O(database). The remedies contain it.
          - With O(vteps[].src), the address of the server that the file was saved from, which is not asked. If it is C(unix:PATH), the remedies
            are delegated to the host O(vteps[].name). Without it, they contain words in place of an address, and every module refuses them.
        type: str
      src:
        description:
          - A saved database instead, on the host that runs the module. It is what C(ovsdb-client backup) or C(ovsdb-client -f json dump)
            printed, or a copy of the database file of a server that is not in a cluster.
          - A file on disk, and what C(ovsdb-client backup) prints, hold no faults and no BFD states, because the schema keeps these columns
            in memory only. A dump holds them.
          - Mutually exclusive with O(vteps[].unreadable).
        type: path
      unreadable:
        description:
          - Why the VTEP is not read, in words for its finding of the kind V(not_read). Use it if saving the database has failed.
        type: str
      private_key:
        description: As O(private_key), for this VTEP.
        type: path
      certificate:
        description: As O(certificate), for this VTEP.
        type: path
      ca_cert:
        description: As O(ca_cert), for this VTEP.
        type: path
      tunnel_ips:
        description:
          - Its tunnel IPs, as far as you know them. A database with others is a finding of the kind V(wanted_address).
          - If the VTEP cannot be read, rows of other VTEPs that lead to these addresses are not taken for errors.
        type: list
        elements: str
        default: []
      wanted:
        description: The tables that the VTEP should have, as P(vxlanlab.vtep.overlay_tables#filter) returns them.
        type: dict
        suboptions:
          bindings:
            description: The bindings of its ports.
            type: list
            elements: dict
            default: []
            suboptions:
              physical_switch:
                description: Physical switch of the port.
                type: str
                required: true
              port:
                description: Port.
                type: str
                required: true
              vlan:
                description: VLAN on the port, 0 to 4095. 0 means untagged frames.
                type: int
                default: 0
              logical_switch:
                description: Logical switch that the VLAN is bound to.
                type: str
                required: true
          logical_switches:
            description:
              - The logical switches. One that is not among them, but among those of another VTEP, should have no bindings and no remote rows.
                Others are not compared.
            type: list
            elements: dict
            default: []
            suboptions:
              name:
                description: Name.
                type: str
                required: true
              unicast:
                description: All its remote unicast rows.
                type: list
                elements: dict
                default: []
                suboptions:
                  mac:
                    description: Unicast MAC address.
                    type: str
                    required: true
                  locator:
                    description: IPv4 address of the VTEP that it is behind.
                    type: str
                    required: true
                  ipaddr:
                    description: IP address of the endpoint.
                    type: str
                    default: ""
              multicast:
                description: All its remote multicast rows.
                type: list
                elements: dict
                default: []
                suboptions:
                  mac:
                    description: Multicast MAC address or V(unknown-dst).
                    type: str
                    default: unknown-dst
                  locators:
                    description: IPv4 addresses to which such frames go.
                    type: list
                    elements: str
                    required: true
  mlag:
    description:
      - VTEPs that share an address on purpose, as a list of lists of names. Such VTEPs count as one, which others reach at this address.
    type: list
    elements: list
    default: []
  service_nodes:
    description: IPv4 addresses of service nodes, which copy broadcasts for VTEPs. A flood list that leads to one of them is complete.
    type: list
    elements: str
    default: []
  other_vteps:
    description: Tunnel IPs of VTEPs that are not audited, such as hypervisors and gateways.
    type: list
    elements: str
    default: []
  switches:
    description: The VNIs that logical switches should have. Without them, the VNI that most VTEPs have is taken for the right one.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the logical switch.
        type: str
        required: true
      tunnel_key:
        description: Its VNI, 0 to 16777215.
        type: int
        required: true
  severities:
    description:
      - Severities of kinds of findings, where you want other ones than the page L(Auditing a
        fabric,https://github.com/vxlanlab/vxlanlab.vtep/blob/main/docs/fabric-audit.md) lists.
      - The values are V(error), V(warning), V(note) and V(ignore).
    type: dict
    default: {}
  limit:
    description: Findings of each kind that are returned. All are counted. 1 to 10000.
    type: int
    default: 100
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Audit two switches and a saved database
  vxlanlab.vtep.vtep_audit:
    private_key: k.pem
    certificate: c.pem
    ca_cert: ca.pem
    vteps:
      - {name: leaf1, database: "ssl:192.0.2.11:6640"}
      - {name: leaf2, database: "ssl:192.0.2.12:6640"}
      - {name: leaf3, src: /var/backups/leaf3.backup}
    severities: {binding_without_peer: ignore}
  register: audit

- name: Show the errors, and the tasks that mend them
  ansible.builtin.debug:
    msg: "{{ audit.findings | selectattr('severity', 'equalto', 'error') | map(attribute='remedy') | join }}"
"""

RETURN = r"""
findings:
  description: What does not fit, worst first.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: What it is. C(kinds) says more about it.
      type: str
    title:
      description: The same in words.
      type: str
    severity:
      description: V(error), V(warning) or V(note).
      type: str
    vteps:
      description: Names of the VTEPs concerned. The one to mend is the first.
      type: list
      elements: str
    row:
      description: The row, or the rows, in words.
      type: str
    seen:
      description: What is there, in words.
      type: str
    wanted:
      description: What should be there, in words.
      type: str
    advice:
      description: What to do about it.
      type: str
    remedy:
      description: Tasks that do it, as YAML. Empty if no task can. Bulk tasks contain the first 20 rows, and say how many more there are.
      type: str
    count:
      description: Number of rows concerned.
      type: int
  sample:
    - kind: vni_mismatch
      title: Different VNIs for one logical switch
      severity: error
      vteps: [leaf3, leaf1, leaf2]
      row: logical switch blue
      seen: VNI 5001
      wanted: VNI 5000, as on leaf1 and leaf2
      advice: Give it the VNI of the others.
      remedy: |
        - name: "Give blue on leaf3 the VNI 5000"
          vxlanlab.vtep.vtep_logical_switch:
            database: "ssl:192.0.2.13:6640"
            name: blue
            tunnel_key: 5000
      count: 1
summary:
  description: Number of findings by severity, those beyond O(limit) included.
  returned: success
  type: dict
  sample: {error: 1, warning: 0, note: 2}
counts:
  description: Number of findings by kind, those beyond O(limit) included.
  returned: success
  type: dict
  sample: {vni_mismatch: 1, remote_unconfirmed: 2}
kinds:
  description: Title, severity, reason and source of each kind in C(counts).
  returned: success
  type: dict
  sample:
    vni_mismatch:
      title: Different VNIs for one logical switch
      severity: error
      why: VTEPs drop each other's frames, or take them into another logical switch.
      source: vtep(5), Logical_Switch, tunnel_key; RFC 7348, section 4.1
vteps:
  description: What was read of each VTEP. C(error) says why nothing was; C(rows) is the number of rows by table.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: leaf1, read: true, error: "", tunnel_ips: [10.0.0.1], rows: {Logical_Switch: 1, Ucast_Macs_Remote: 2}}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.audit_module import audited, options
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule


def main() -> None:
    module = VtepModule(options(), state=False)
    module.finish(lambda: audited(module))


if __name__ == "__main__":
    main()

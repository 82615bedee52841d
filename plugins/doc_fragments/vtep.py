# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all modules of the group ``vtep`` say alike."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
requirements:
  - python >= 3.10
  - ovs (the Open vSwitch Python library; ovsdbapp brings it along)
options:
  database:
    description:
      - Where the OVSDB server of the VTEP listens, as seen from the host that runs the module.
      - C(unix:PATH), C(tcp:HOST:PORT) or C(ssl:HOST:PORT). HOST is a name or an address; put an IPv6 address in brackets.
      - Separate several remotes with commas. They are tried in this order; with a clustered database, the module finds the leader
        among them and follows fail-overs.
    type: str
    default: unix:/var/run/openvswitch/db.sock
  timeout:
    description:
      - Seconds that the whole task may take, with connecting, waiting and committing. More than 0, at most 2,000,000.
    type: float
    default: 10
  private_key:
    description:
      - File with the private key (PEM) for C(ssl:) remotes, on the host that runs the module.
    type: path
  certificate:
    description:
      - File with the certificate (PEM) that goes with O(private_key).
    type: path
  ca_cert:
    description:
      - File with the CA certificate (PEM) against which the server's certificate is checked. The host name in the certificate is
        not checked, as with Open vSwitch's own programs.
    type: path
seealso:
  - name: hardware_vtep database schema
    description: The manual page vtep(5).
    link: https://www.openvswitch.org/support/dist-docs/vtep.5.html
  - name: vtep-ctl
    description: The manual page vtep-ctl(8).
    link: https://www.openvswitch.org/support/dist-docs/vtep-ctl.8.html
"""

    STATE = r"""
options:
  state:
    description:
      - Whether the row exists.
    type: str
    choices: [present, absent]
    default: present
"""

    ATTRIBUTES = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  action_group:
    description: Use C(group/vxlanlab.vtep.vtep) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - vxlanlab.vtep.vtep
"""

    CHANGES = r"""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - The module does not touch the column of an option that you leave out. An empty string, list or dictionary clears the column.
  - A task is one transaction, guarded by everything that its decision was based on. It takes place as a whole or not at all.
"""

    INFO = r"""
attributes:
  check_mode:
    support: full
    details: This module changes nothing.
  diff_mode:
    support: N/A
    details: This module changes nothing.
"""

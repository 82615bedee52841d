# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all modules of the group ``vtep`` say alike."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
requirements:
  - python >= 3.10
  - ovs (the Open vSwitch Python library, which is installed with ovsdbapp)
options:
  database:
    description:
      - Address of the VTEP's OVSDB server, as seen from the host that runs the module.
      - Use C(unix:PATH), C(tcp:HOST:PORT) or C(ssl:HOST:PORT). HOST is a name or an address; put an IPv6 address in brackets.
      - Separate several addresses with commas. The module tries them in this order. With a clustered database, list all members;
        the module finds the leader and follows fail-overs.
    type: str
    default: unix:/var/run/openvswitch/db.sock
  timeout:
    description:
      - Maximum duration of the task in seconds, including connecting, waiting and committing. More than 0, at most
        2,000,000.
    type: float
    default: 10
  private_key:
    description:
      - Path of the private key (PEM) for C(ssl:) addresses, on the host that runs the module.
    type: path
  certificate:
    description:
      - Path of the certificate (PEM) that belongs to O(private_key).
    type: path
  ca_cert:
    description:
      - Path of the CA certificate (PEM) that verifies the server's certificate. Like Open vSwitch's own programs, the module
        does not compare the host name in the certificate.
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
      - V(present) creates or changes what the other options describe, V(absent) removes it.
    type: str
    choices: [present, absent]
    default: present
notes:
  - The module does not manage options that you leave out; their columns keep their values. An empty string, list or dictionary
    clears the column.
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
  - A task makes all its changes in one transaction, or none of them. If another client has changed the data on which the task
    based its decisions, the module reads the database again and repeats the attempt, until O(timeout).
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

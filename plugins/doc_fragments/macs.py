# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules on MAC tables say alike."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  logical_switch:
    description:
      - Name of the logical switch that the addresses belong to.
    type: str
    required: true
  purge:
    description:
      - Remove all other entries of the logical switch from this table. Needs O(entries) or O(src), which may be empty.
    type: bool
    default: false
  src:
    description:
      - A file with the entries, instead of O(entries). The end of its name tells the format.
      - C(.json), C(.yml) and C(.yaml) hold a list of what O(entries) takes.
      - C(.csv) begins with a line that names its columns, which are options of O(entries), and has a line for each entry; an
        empty cell says nothing. Commas, semicolons or tabs separate the cells, and several locators share a cell, separated by
        spaces. The names of the columns without any entry mean that there are none.
      - The text is UTF-8, with or without a byte order mark. What is not an ordinary file, is larger than 256 MiB, or has a key
        or a column twice, is refused.
      - Many thousand entries are quicker as a file, since Ansible itself does not have to handle them. JSON is quickest.
    type: path
  remote_src:
    description:
      - Whether O(src) is a file of the host that runs the module. Else it is one of the controller, searched for in the
        directory C(files), too.
    type: bool
    default: false
notes:
  - Nothing but memory and time limits the number of entries. The default O(timeout) is made for about ten thousand; give it more for
    more. In a cluster, the election timer has to be longer than the server is busy; docs/scale.md of the collection says how.
"""

    UNICAST = r"""
options:
  mac:
    description:
      - A unicast MAC address. Colons, dashes, dots or none, upper or lower case; stored with colons in lower case.
      - Put it in quotes, since YAML reads some MAC addresses as numbers.
    type: str
  locator:
    description:
      - IPv4 address of the VTEP that the address is behind. Needed to create an entry.
    type: str
  encapsulation:
    description:
      - How frames are wrapped. The schema knows C(vxlan_over_ipv4) only, which is also used when the option is left out.
    type: str
  ipaddr:
    description:
      - IPv4 or IPv6 address of the owner of the MAC address, for the suppression of ARP. An empty string removes it.
    type: str
  entries:
    description:
      - Several addresses at once, instead of O(mac), O(locator), O(encapsulation) and O(ipaddr).
      - With O(state=absent) these addresses are removed; only their RV(ignore:mac) counts.
    type: list
    elements: dict
    suboptions:
      mac:
        description: See O(mac).
        type: str
        required: true
      locator:
        description: See O(locator).
        type: str
      encapsulation:
        description: See O(encapsulation).
        type: str
      ipaddr:
        description: See O(ipaddr).
        type: str
notes:
  - A MAC address that is stored all in lower or all in upper case is recognized as the same address. Where more than 8
    addresses are given, or with O(purge), so is every other spelling.
  - Duplicate rows of an address that other writers left are reduced to one.
"""

    MULTICAST = r"""
options:
  mac:
    description:
      - A multicast MAC address, or C(unknown-dst), which is what is used when it is left out.
    type: str
  locators:
    description:
      - IPv4 addresses of VTEPs or service nodes. Those that are missing are added, see O(exclusive). Needed to create an entry.
      - With O(state=absent), these are removed from the entry, and the entry with the last of them. Without it, the whole
        entry is removed.
    type: list
    elements: str
  encapsulation:
    description:
      - How frames are wrapped. The schema knows C(vxlan_over_ipv4) only, which is also used when the option is left out.
    type: str
  ipaddr:
    description:
      - IPv4 or IPv6 address that the MAC address stands for. An empty string removes it.
    type: str
  exclusive:
    description:
      - Whether the entry shall have no other locators than O(locators).
    type: bool
    default: false
  entries:
    description:
      - Several entries at once, instead of O(mac), O(locators), O(encapsulation) and O(ipaddr).
    type: list
    elements: dict
    suboptions:
      mac:
        description: See O(mac).
        type: str
        default: unknown-dst
      locators:
        description: See O(locators).
        type: list
        elements: str
      encapsulation:
        description: See O(encapsulation).
        type: str
      ipaddr:
        description: See O(ipaddr).
        type: str
"""

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
      - Name of the logical switch to which the addresses belong.
    type: str
    required: true
  purge:
    description:
      - Whether the logical switch shall have exactly these entries in this table. The module removes all others, and from those
        that are listed the locators and the C(ipaddr) that are not. Requires O(entries) or O(src), which may be empty. Only with
        O(state=present).
    type: bool
    default: false
  src:
    description:
      - Path of a file with the entries, as an alternative to O(entries). The extension determines the format.
      - A C(.json), C(.yml) or C(.yaml) file contains a list in the form of O(entries).
      - A C(.csv) file starts with a header line whose column names are suboptions of O(entries), followed by one line per entry.
        An empty cell leaves its suboption out. Separate cells with commas, semicolons or tabs, and several locators within a cell
        with spaces. A file with nothing but the header line contains no entries.
      - The file must be UTF-8 text, with or without a byte order mark. The module refuses anything that is not a regular file,
        files larger than 256 MiB, and duplicate keys or columns.
      - For many thousands of entries, a file is faster than O(entries), because Ansible itself does not process its contents. JSON
        is the fastest format.
    type: path
  remote_src:
    description:
      - Whether O(src) is on the host that runs the module. If V(false), Ansible looks for it on the controller, including the
        directory C(files) of the role or playbook, and copies it.
    type: bool
    default: false
notes:
  - Only memory and time limit the number of entries. The default O(timeout) suffices for about ten thousand; raise it for larger
    tasks. In a cluster, the election timer must exceed the time for which the server is busy; the collection's docs/scale.md
    explains how to set it.
"""

    UNICAST = r"""
options:
  mac:
    description:
      - A unicast MAC address, with colons, dashes, dots or no separators, in upper or lower case. The module stores it in lower
        case with colons.
      - Quote it, because YAML reads some MAC addresses as numbers.
    type: str
  locator:
    description:
      - IPv4 address of the VTEP behind which the MAC address is reachable. Required to create an entry.
      - With O(state=absent), the module removes the entry whatever its locator is.
    type: str
  encapsulation:
    description:
      - Encapsulation of the tunnel. The schema defines only C(vxlan_over_ipv4), which is also the default.
    type: str
  ipaddr:
    description:
      - IPv4 or IPv6 address of the host that owns the MAC address, used for ARP suppression. An empty string removes it.
    type: str
  entries:
    description:
      - Several entries for one task, as an alternative to O(mac), O(locator), O(encapsulation) and O(ipaddr).
      - With O(state=absent), the module removes the entries of these MAC addresses and ignores the other suboptions.
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
  - The module recognizes a MAC address that another client stored entirely in lower or entirely in upper case. With O(purge), or
    with more than 8 addresses, it recognizes every other spelling too.
  - If other clients have left several rows for one MAC address, the module keeps one of them.
"""

    MULTICAST = r"""
options:
  mac:
    description:
      - A multicast MAC address, or C(unknown-dst), the default, which stands for broadcast, unknown unicast and unregistered
        multicast frames.
    type: str
  locators:
    description:
      - IPv4 addresses of VTEPs or service nodes. Required to create an entry.
      - With O(state=present), the module adds the locators that the entry lacks. Others stay, unless O(exclusive=true) or
        O(purge=true).
      - With O(state=absent), the module removes these locators from the entry, and removes the entry when none is left. Without
        O(locators), it removes the entire entry.
    type: list
    elements: str
  encapsulation:
    description:
      - Encapsulation of the tunnel. The schema defines only C(vxlan_over_ipv4), which is also the default.
    type: str
  ipaddr:
    description:
      - IPv4 or IPv6 address that corresponds to the MAC address. An empty string removes it.
    type: str
  exclusive:
    description:
      - Whether to remove all locators of the entry that are not in O(locators). Only with O(state=present).
    type: bool
    default: false
  entries:
    description:
      - Several entries for one task, as an alternative to O(mac), O(locators), O(encapsulation) and O(ipaddr).
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

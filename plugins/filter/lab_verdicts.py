# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_verdicts
short_description: Say what came of a lab's story
version_added: 0.1.0
description:
  - Compares what was seen in a lab with what the forwarding model says, given the topology and the VTEPs' tables as they were.
options:
  _input:
    description: The completed topology, with its chapters, from P(vxlanlab.vtep.lab_topology#filter).
    type: dict
    required: true
  told:
    description:
      - By chapter, a dictionary with C(ping) (a result of M(vxlanlab.vtep.lab_ping)), C(transfer) (one of
        M(vxlanlab.vtep.lab_transfer), where the chapter has one), C(tables) (by hypervisor, what M(vxlanlab.vtep.vtep_info) returned) and
        C(captures) (results of M(vxlanlab.vtep.lab_capture)).
    type: dict
    required: true
  captures:
    description: What M(vxlanlab.vtep.vxlan_capture_info) returned for all captures, chapter by chapter.
    type: list
    elements: dict
    required: true
  pinged:
    description: The results of M(vxlanlab.vtep.lab_ping) for all pings of C(mesh) in the topology.
    type: list
    elements: dict
    required: true
  transfer:
    description: What M(vxlanlab.vtep.lab_transfer) returned.
    type: dict
    required: true
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Check what was seen
  ansible.builtin.assert:
    that: verdicts.failed | length == 0
    fail_msg: "{{ verdicts.failed }}"
  vars:
    verdicts: "{{ lab_topology | vxlanlab.vtep.lab_verdicts(told=told, captures=read.captures, pinged=pinged, transfer=transfer) }}"
"""

RETURN = r"""
_value:
  description: What came of the story.
  type: dict
  contains:
    checks:
      description: What had to be, each with C(name), C(expected), C(seen) and C(ok).
      type: list
      elements: dict
    failed:
      description: Those that are not ok, as sentences.
      type: list
      elements: str
    chapters:
      description: The chapters, each with what ping said.
      type: list
      elements: dict
    walks:
      description: For each capture, its C(file), C(chapter) and C(point), and what P(vxlanlab.vtep.check_packet_walk#filter) says of it.
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.story import verdicts
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


@errors_of("lab_verdicts")
def lab_verdicts(
    topology: Mapping[str, Any],
    told: Mapping[str, Any],
    captures: Sequence[Mapping[str, Any]],
    pinged: Sequence[Mapping[str, Any]],
    transfer: Mapping[str, Any],
) -> dict[str, Any]:
    """What came of a story."""
    return verdicts(topology, told, [capture["packets"] for capture in captures], pinged, transfer)


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_verdicts": lab_verdicts}

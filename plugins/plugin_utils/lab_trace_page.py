# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way of a ping that nobody has sent, as the data of its page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.lab_drawing import (
    Data,
    Drawing,
    Shown,
    deciding_row,
    drawing_of,
    headers_of,
    hop_of,
    rows_of,
    vnis_of,
)


def lab_trace_page(way: Sequence[Data], topology: Data, tables: Mapping[str, Data], facts: Data) -> Shown:
    """What ``trace.html`` shows: the report's walk, but foretold.

    ``way``: what lab_way returned; ``topology``: completed by lab_topology; ``tables``: by hypervisor, what vtep_info or linux_vtep
    returned; ``facts``: ``lab``, ``driver`` and ``time`` of the page.
    """
    hypervisors = [dict(one, vtep=tables[one["name"]]) for one in topology["hypervisors"]]
    rows = {one["name"]: rows_of(one) for one in hypervisors}
    between = [node for node in topology["nodes"] if node["kind"] in ("router", "service_node")]
    source, target = way[0]["source"], way[0]["target"]
    drawing = drawing_of({"topology": {**topology, "routers": between}, "hypervisors": hypervisors}, rows, source, target)
    steps = [step for leg in way for step in _steps(drawing, leg)]
    return {
        **{name: facts[name] for name in ("lab", "driver", "time")},
        "foretold": True,
        "source": source,
        "target": target,
        "vnis": vnis_of(topology),
        "networks": topology["underlay"]["networks"],
        "ok": all(leg["arrives"] for leg in way),
        "tables": [{"hypervisor": name, "rows": of_one, "bridges": []} for name, of_one in rows.items()],
        "drawing": drawing,
        "steps": [dict(step, number=number) for number, step in enumerate(steps, 1)],
        "chapters": [],
        "checks": [],
    }


def _steps(drawing: Drawing, leg: Data) -> list[Shown]:
    """The hops of one frame, from its sender on."""
    source = leg["source"]
    begins = {"node": source, "to": drawing["hypervisor_of"][source], "reason": f"{source} sends it.", "by": "", "row": None, "header": {}}
    hops = [begins, *({**hop, "reason": f"{hop['node']}: {hop['enters']}, {hop['does']}."} for hop in leg["hops"])]
    steps = []
    for hop in hops:
        places = [hop["node"], hop["to"] or hop["node"]]
        steps.append(
            {
                "title": f"{leg['title']}: {' → '.join(dict.fromkeys(places))}",
                "reason": hop["reason"],
                "flow": hop["by"],
                "deciding": deciding_row(hop["row"]),
                "headers": headers_of(hop["header"]),
                "route": hop_of(drawing, {"key": "", "hop": places}),
                "ok": True,
                "problem": "",
                "seen": None,
            }
        )
    if not leg["arrives"]:
        steps[-1].update(ok=False, problem=f"It does not arrive. {'; '.join(leg['ends'])}.")
    return steps

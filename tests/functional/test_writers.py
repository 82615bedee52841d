# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many writers at the same time, small and large tasks among each other, on one server and on a cluster.

VTEP_ROUNDS says how many rounds each of them goes (a few in the suite).
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path

import pytest
from conftest import Server
from test_cluster import Cluster

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import connection
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.look import Look
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.normal import normalise
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Add, Row, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import locator
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.task import carry_out

WRITERS = 8
SIZES = (1, 10, 1000)
ROUNDS = int(os.environ.get("VTEP_ROUNDS", "3"))
TIMEOUT = 120


def there(writer: int, turn: int) -> str:
    return f"10.{writer + 1}.{turn % 200 + 1}.1"


def wanted(writer: int, turn: int, size: int) -> Wanted:
    """Rows that are this writer's own, and one row that all of them share."""
    rows = [
        Row(
            "Ucast_Macs_Remote",
            ("ls0", f"02:{writer:02x}:00:00:{number >> 8:02x}:{number & 255:02x}"),
            {"locator": locator(there(writer, turn))},
        )
        for number in range(size)
    ]
    shared = Row("Mcast_Macs_Remote", ("ls0", "unknown-dst"), {"locator_set": Add({locator(there(writer, 0))})})
    return normalise(Wanted(present=[*rows, shared]))


def write(remote: str, writer: int, failed: list[str]) -> None:
    for turn in range(ROUNDS):
        # Each writer is at another size.
        size = SIZES[(turn + writer) % len(SIZES)]
        try:
            with connection.Database(remote, TIMEOUT) as db:
                carry_out(db, wanted(writer, turn, size), assume_new=True)
        except Exception as error:
            failed.append(f"writer {writer}, round {turn}, {size} entries: {error}")


def check(remote: str) -> None:
    """Each writer's rows are there once, as it wrote them last; the shared row has what all of them added."""
    with connection.Database(remote, TIMEOUT) as db:
        look = Look(db)
        look.whole(["Ucast_Macs_Remote", "Mcast_Macs_Remote"])
        current = look.current()
    found = Counter({key[1]: len(rows) for key, rows in current.rows["Ucast_Macs_Remote"].items()})
    expected = {}
    for writer in range(WRITERS):
        for turn in range(ROUNDS):
            for row in wanted(writer, turn, SIZES[(turn + writer) % len(SIZES)]).present[:-1]:
                expected[row.key[1]] = row.columns["locator"]
    assert found == Counter(expected.keys()), "lost, or doubled"
    assert {key[1]: rows[0].columns["locator"] for key, rows in current.rows["Ucast_Macs_Remote"].items()} == expected
    (flood,) = current.get("Mcast_Macs_Remote", ("ls0", "unknown-dst"))
    assert flood.columns["locator_set"] == {locator(there(writer, 0)) for writer in range(WRITERS)}


@pytest.fixture(params=["server", "cluster"])
def remote(request: pytest.FixtureRequest, tmp_path: Path):
    running = Server(tmp_path) if request.param == "server" else Cluster(tmp_path)
    yield running.remote
    running.stop()


def test_many_writers_lose_nothing_double_nothing_and_do_not_fail(remote):
    with connection.Database(remote, TIMEOUT) as db:
        carry_out(db, normalise(Wanted(present=[Row("Logical_Switch", ("ls0",))])))
    failed: list[str] = []
    threads = [threading.Thread(target=write, args=(remote, writer, failed)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    check(remote)

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps vtepd running ends it, whenever it is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd import supervise

MOMENTS = ("before it starts", "while it starts", "while it runs", "while it ends")


class Emulator(subprocess.Popen):
    """A process that ends only when it is killed, and signals at the moments that a test is about."""

    started: list[int] = []

    @staticmethod
    def come(moment: str) -> None:
        """What happens at a moment."""

    def __init__(self, command: list[str], **options: int):
        super().__init__(["tail", "-f", "/dev/null"], **options)
        self.started.append(self.pid)
        self.come("while it starts")

    def kill(self) -> None:
        super().kill()
        self.come("while it ends")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moments", [{moment, "while it runs"} for moment in MOMENTS], ids=MOMENTS)
def test_it_leaves_no_emulator(monkeypatch, moments, number):
    def come(moment: str) -> None:
        if moment in moments:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Emulator, "come", staticmethod(come))
    monkeypatch.setattr(Emulator, "started", [])
    monkeypatch.setattr(supervise.subprocess, "Popen", Emulator)
    monkeypatch.setattr(supervise, "end_others", lambda bridge: None)
    monkeypatch.setattr(supervise, "_start_killed", lambda start: come("before it starts"))
    monkeypatch.setattr(supervise, "_serve", lambda database: None)
    monkeypatch.setattr(supervise, "_wait_for_an_end", lambda emulator, server: come("while it runs"))
    handlers = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        supervise.keep_running("vtepd.pyz", "br0", "vtep.db", [], [])
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
    assert len(Emulator.started) == ("before it starts" not in moments)
    for pid in Emulator.started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

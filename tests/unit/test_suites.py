# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test runner itself: what does not pass must not look as if it did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
import suites  # noqa: E402  pylint: disable=wrong-import-position


def counted(step: suites.Step, tmp_path: Path) -> tuple[int, int, int]:
    count = suites.count(step, suites.run(step, tmp_path / "log"))
    return count.passed, count.failed, count.skipped


@pytest.mark.parametrize(
    "script, expected",
    [("exit 0", (1, 0, 0)), ("exit 3", (0, 1, 0)), ("kill -KILL $$", (0, 1, 0))],
)
def test_a_command_is_one_case(script, expected, tmp_path):
    assert counted(suites.Step(["sh", "-c", script], cwd=tmp_path), tmp_path) == expected


def test_a_tool_that_is_missing_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(suites, "RESULTS", tmp_path)
    monkeypatch.setattr(suites, "SUITES", {"example": lambda: [suites.Step(["there-is-no-such-tool"])]})
    assert suites.run_suite("example").failed == 1


def test_a_suite_without_steps_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(suites, "RESULTS", tmp_path)
    monkeypatch.setattr(suites, "SUITES", {"example": lambda: []})
    assert suites.run_suite("example").failed == 1


def test_a_step_that_hangs_is_interrupted_and_fails(tmp_path):
    script = "trap 'touch cleaned-up; exit 0' INT; while :; do sleep 0.1; done"
    assert counted(suites.Step(["sh", "-c", script], cwd=tmp_path, limit_seconds=1), tmp_path) == (0, 1, 0)
    assert (tmp_path / "cleaned-up").exists()


CASES = """<testsuite>
  <testcase classname="tests.a" name="good"/>
  <testcase classname="tests.a" name="bad"><failure message="no"/></testcase>
  <testcase classname="tests.a" name="broken"><error message="no"/></testcase>
  <testcase classname="tests.a" name="left_out"><skipped message="why"/></testcase>
  <testcase classname="sanity" name="nothing-to-do"><skipped>No tests applicable.</skipped></testcase>
  <testcase classname="sanity" name="no-tool"><skipped>Skipping: the tool is missing.</skipped></testcase>
</testsuite>"""


def test_junit_cases_are_counted(tmp_path):
    (tmp_path / "a.xml").write_text(CASES)
    for path in (tmp_path, tmp_path / "a.xml"):
        assert counted(suites.Step(["sh", "-c", "exit 1"], path, tmp_path), tmp_path) == (1, 3, 1)


@pytest.mark.parametrize("script", ["exit 0", "exit 2"])
def test_a_suite_that_runs_nothing_fails(script, tmp_path):
    assert counted(suites.Step(["sh", "-c", script], tmp_path / "none.xml", tmp_path), tmp_path) == (0, 1, 0)


def test_a_crash_after_passed_cases_fails(tmp_path):
    (tmp_path / "a.xml").write_text('<testsuite><testcase classname="tests.a" name="good"/></testsuite>')
    assert counted(suites.Step(["sh", "-c", "exit 139"], tmp_path / "a.xml", tmp_path), tmp_path) == (1, 1, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_lets_the_step_clean_up_and_fails(number, tmp_path):
    script = (
        f"import sys; sys.path.insert(0, {str(TESTS)!r}); import pathlib, suites\n"
        f"suites.ROOT = pathlib.Path({str(tmp_path)!r}); suites.RESULTS = suites.ROOT / 'results'\n"
        "loop = \"trap 'echo cleaned up; exit 0' INT; echo ready; while :; do sleep 0.1; done\"\n"
        "suites.SUITES = {'example': lambda: [suites.Step(['sh', '-c', loop], cwd=suites.ROOT)], 'later': lambda: []}\n"
        "sys.exit(suites.main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}) as runner:
        seen = ""
        while "\nready" not in seen:
            line = runner.stdout.readline()
            assert line, seen
            seen += line
        runner.send_signal(number)
        seen += runner.stdout.read()
    assert runner.returncode == 130
    assert "cleaned up" in seen
    assert seen.splitlines()[-1] == "0 passed, 1 failed"

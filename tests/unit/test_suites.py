# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test runner itself: what does not pass must not look as if it did."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
import suites  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """Run a suite of these steps, and return how many of its cases passed, failed and were skipped."""
    monkeypatch.setattr(suites, "RESULTS", tmp_path)

    def run(*steps: suites.Step) -> tuple[int, int, int]:
        monkeypatch.setattr(suites, "SUITES", {"example": lambda: steps})
        [job] = suites.run_all(suites.queue(), 1)
        return job.counted.passed, job.counted.failed, job.counted.skipped

    return run


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    "script, expected",
    [("exit 0", (1, 0, 0)), ("exit 3", (0, 1, 0)), ("kill -KILL $$", (0, 1, 0))],
)
def test_a_command_is_one_case(script, expected, counted, tmp_path):
    assert counted(suites.Step(["sh", "-c", script], cwd=tmp_path)) == expected


def test_a_tool_that_is_missing_fails(counted):
    assert counted(suites.Step(["there-is-no-such-tool"])) == (0, 1, 0)


def test_a_suite_without_steps_fails(counted):
    assert counted() == (0, 1, 0)


def test_a_step_that_hangs_is_interrupted_and_fails(counted, tmp_path):
    script = "trap 'touch cleaned-up; exit 0' INT; while :; do sleep 0.1; done"
    assert counted(suites.Step(["sh", "-c", script], cwd=tmp_path, limit_seconds=1)) == (0, 1, 0)
    assert (tmp_path / "cleaned-up").exists()


CASES = """<testsuite>
  <testcase classname="tests.a" name="good"/>
  <testcase classname="tests.a" name="bad"><failure message="no"/></testcase>
  <testcase classname="tests.a" name="broken"><error message="no"/></testcase>
  <testcase classname="tests.a" name="left_out"><skipped message="why"/></testcase>
  <testcase classname="sanity" name="nothing-to-do"><skipped>No tests applicable.</skipped></testcase>
  <testcase classname="sanity" name="no-tool"><skipped>Skipping: the tool is missing.</skipped></testcase>
</testsuite>"""


def test_junit_cases_are_counted(counted, tmp_path):
    (tmp_path / "cases").write_text(CASES)
    for path in (tmp_path, tmp_path / "a.xml"):
        assert counted(suites.Step(["sh", "-c", "cp cases a.xml; exit 1"], path, tmp_path)) == (1, 3, 1)


@pytest.mark.parametrize("script", ["exit 0", "exit 2"])
def test_a_suite_that_runs_nothing_fails(script, counted, tmp_path):
    assert counted(suites.Step(["sh", "-c", script], tmp_path / "none.xml", tmp_path)) == (0, 1, 0)


def test_a_crash_after_passed_cases_fails(counted, tmp_path):
    (tmp_path / "cases").write_text('<testsuite><testcase classname="tests.a" name="good"/></testsuite>')
    assert counted(suites.Step(["sh", "-c", "cp cases a.xml; exit 139"], tmp_path / "a.xml", tmp_path)) == (1, 1, 0)


def waiting_for(tmp_path, mine: str, other: str) -> suites.Step:
    """A step that makes a file and ends when there is another."""
    return suites.Step(["sh", "-c", f"touch {mine}; while ! [ -e {other} ]; do sleep 0.1; done"], cwd=tmp_path, limit_seconds=60)


def test_jobs_run_at_the_same_time(tmp_path, monkeypatch):
    """Each waits for the other: two suites, then two steps of a suite that is divided."""
    monkeypatch.setattr(suites, "RESULTS", tmp_path)
    monkeypatch.setattr(suites, "DIVIDED", ("parts",))
    monkeypatch.setattr(suites, "LONGEST", ("one", "two"))

    def part(mine: str, other: str) -> suites.Step:
        step = waiting_for(tmp_path, mine, other)
        report = f'echo \'<testsuite><testcase classname="a" name="{mine}"/></testsuite>\' > {mine}.xml'
        return dataclasses.replace(step, command=["sh", "-c", f"{step.command[-1]}; {report}"], junit=tmp_path / f"{mine}.xml")

    one, two, parts = [waiting_for(tmp_path, "a", "b")], [waiting_for(tmp_path, "b", "a")], [part("c", "d"), part("d", "c")]
    monkeypatch.setattr(suites, "SUITES", {"parts": lambda: parts, "one": lambda: one, "two": lambda: two})
    begun = suites.run_all(suites.queue(), 2)
    assert [(job.name, job.counted.passed) for job in begun] == [("one", 1), ("two", 1), ("parts-c", 1), ("parts-d", 1)]


def test_suites_that_share_something_do_not_run_at_the_same_time(tmp_path, monkeypatch):
    monkeypatch.setattr(suites, "RESULTS", tmp_path)
    monkeypatch.setattr(suites, "SHARED", ({"one", "two"},))
    # A worker that has to leave the second one alone takes the third, for which the first waits.
    steps = {
        "one": [waiting_for(tmp_path, "a", "c"), suites.Step(["rm", "a"], cwd=tmp_path)],
        "two": [suites.Step(["sh", "-c", "! [ -e a ]"], cwd=tmp_path)],
        "three": [suites.Step(["touch", "c"], cwd=tmp_path)],
    }
    monkeypatch.setattr(suites, "SUITES", {name: lambda name=name: steps[name] for name in steps})
    begun = suites.run_all(suites.queue(), 2)
    assert {job.name: (job.counted.passed, job.counted.failed) for job in begun} == {"one": (2, 0), "two": (1, 0), "three": (1, 0)}


def test_the_queue_has_every_suite_and_each_test_file_of_the_lab():
    names = [job.name for job in suites.queue()]
    files = {f"lab-{file.stem}" for file in (TESTS / "integration").glob("test_*.py")}
    assert {*names} == ({*suites.SUITES} - {"lab"}) | files and len(names) == len({*names})
    assert names[: len(suites.LONGEST)] == [*suites.LONGEST]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("names", [["example", "later"], []])
def test_an_interrupted_run_lets_the_step_clean_up_and_fails(number, names, tmp_path):
    script = (
        f"import sys; sys.path.insert(0, {str(TESTS)!r}); import pathlib, suites\n"
        f"suites.ROOT = pathlib.Path({str(tmp_path)!r}); suites.RESULTS = suites.ROOT / 'results'\n"
        "loop = \"trap 'echo cleaned up; exit 0' INT; echo ready; touch ready; while :; do sleep 0.1; done\"\n"
        "steps = {'example': [suites.Step(['sh', '-c', loop], cwd=suites.ROOT)], 'later': [], 'short': [suites.Step(['sh', '-c', loop], cwd=suites.ROOT)]}\n"
        "suites.SUITES = {name: lambda name=name: steps[name] for name in steps}\n"
        "suites.LONGEST, suites.WORKERS = ('short', 'example'), 2\n"
        f"sys.argv[1:] = {names}\n"
        "sys.exit(suites.main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    ) as runner:
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert runner.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        runner.send_signal(number)
        seen = runner.stdout.read()
    assert runner.returncode == 130
    assert "cleaned up" in seen
    assert "later" not in seen
    assert seen.splitlines()[-1] == f"0 passed, {1 if names else 2} failed"

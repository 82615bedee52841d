# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the test suites, also after a failing one, and counts their cases.

All of them are in a queue, from which a few run at the same time; those that are named run one after the other, with their output as
it comes. Logs and JUnit files go to .cache/test/. The last line is `N passed, N failed`; the exit status is 0 only when something ran
and nothing failed. A suite that crashes, hangs, or runs nothing counts as one failure.
"""

from __future__ import annotations

import argparse
import ast
import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv/bin"
RESULTS = ROOT / ".cache/test"
ANSIBLE_TEST = ROOT / ".cache/ansible-test"
# What an interrupted step gets to remove what it made.
CLEAN_UP_SECONDS = 60
LOOK_SECONDS = 0.2
# The exit status of timeout(1).
TIMED_OUT = 124


@dataclass
class Step:
    """A command. Its cases are those in the JUnit files that it writes, or else itself."""

    command: list[str]
    junit: Path | None = None
    cwd: Path = ROOT
    env: dict[str, str] = field(default_factory=dict)
    # A step that takes longer hangs: it is interrupted, so that it can clean up, and counts as failed.
    limit_seconds: int = 3600


@dataclass
class Count:
    """How many cases passed, failed or were skipped, and why."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    remarks: list[str] = field(default_factory=list)

    def fail(self, remark: str) -> None:
        """Count one failure."""
        self.failed += 1
        self.remarks.append(f"failed: {remark}")

    def add(self, other: Count) -> None:
        """Add another count to this one."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.remarks += other.remarks


# antsibull-docs writes the path of a temporary folder into what it checks, where a "_" at the end of the random name is markup.
ANTSIBULL_DOCS = """
import sys, tempfile
tempfile._RandomNameSequence.characters = "abcdefghijklmnopqrstuvwxyz0123456789"
from antsibull_docs.cli.antsibull_docs import main
sys.exit(main())
"""

# The suites


def yamllint() -> Iterator[Step]:
    """yamllint on every YAML file."""
    yield Step(["yamllint", "--strict", "."])


def lint() -> Iterator[Step]:
    """ansible-lint's production profile, ruff and mypy on Python, and shellcheck on the scripts."""
    yield Step(["ansible-lint", "--nocolor"])
    yield Step(["ruff", "check", "."])
    yield Step(["ruff", "format", "--check", "."])
    yield Step(["mypy"])
    scripts = [name for name in git_files() if re.match(rb"#!.*sh\b", (ROOT / name).read_bytes())]
    yield Step(["shellcheck", *scripts])


def sanity() -> Iterator[Step]:
    """ansible-test sanity on a copy of the collection."""
    yield ansible_test()


def units() -> Iterator[Step]:
    """Tests that need no server (tests/unit)."""
    # Not by ansible-test, which forks for each test and takes five times as long; its sanity tests import module_utils without Ansible.
    yield pytest("tests/unit")


def docs() -> Iterator[Step]:
    """The documentation of plugins and roles, and the changelog fragments."""
    options = ["--plugin-docs", "--disallow-unknown-collection-refs", "--check-extra-docs-refs"]
    yield Step(["python", "-c", ANTSIBULL_DOCS, "lint-collection-docs", *options, "."])
    yield Step(["antsibull-changelog", "lint"])


def package() -> Iterator[Step]:
    """The collection as others get it: its tarball, what Galaxy makes of it, and its documentation site (tests/package)."""
    yield pytest("tests/package")


def functional() -> Iterator[Step]:
    """Every module against a private, real ovsdb-server (tests/functional)."""
    yield pytest("tests/functional")


def lab() -> Iterator[Step]:
    """The roles and the whole lab, in namespaces (tests/integration)."""
    for file in sorted(ROOT.glob("tests/integration/test_*.py")):
        step = pytest(str(file.relative_to(ROOT)))
        # Its tests compare the mounts before and after; those of other jobs are not theirs.
        yield replace(step, command=["unshare", "--mount", *step.command])


def molecule() -> Iterator[Step]:
    """All Molecule scenarios (molecule/), with a Docker engine."""
    # Its state goes into the checkout, not into the user's home.
    yield Step(["scripts/with-docker", "molecule", "test", "--all"], env={"ANSIBLE_HOME": str(ROOT / ".ansible")})


def docker() -> Iterator[Step]:
    """The lab in containers, the node image and the driver's errors (tests/docker), with a Docker engine."""
    step = pytest("tests/docker")
    yield replace(step, command=["scripts/with-docker", *step.command])


SUITES = {suite.__name__: suite for suite in (yamllint, lint, sanity, units, docs, package, functional, lab, molecule, docker)}
# Suites that share something, the Docker engine, do not run at the same time.
SHARED = ({"molecule", "docker"},)
# The steps of these share nothing: each is a job of its own.
DIVIDED = ("lab",)
WORKERS = 2
# The jobs that take longest come first, so that none of them is what all wait for at the end. The others follow.
LONGEST = (
    "lab-test_exercises",
    "molecule",
    "lab-test_scenarios",
    "functional",
    "docker",
    "lab-test_lab",
    "lab-test_roles",
    "lab-test_ssh",
    "sanity",
    "lab-test_vtepd",
    "lab-test_random_faults",
    "lab-test_newcomer",
    "lab-test_random_labs",
    "units",
)


def pytest(path: str) -> Step:
    """Run the tests in a folder or a file."""
    junit = RESULTS / f"{Path(path).stem}.xml"
    return Step(["pytest", path, f"--junit-xml={junit}"], junit)


def ansible_test() -> Step:
    """Run ansible-test's sanity tests on a copy: it insists on a path ansible_collections/NAMESPACE/NAME that is no link."""
    tree = ANSIBLE_TEST / "ansible_collections/vxlanlab/vtep"
    shutil.rmtree(tree, ignore_errors=True)
    for name in git_files():
        copy = tree / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy, follow_symlinks=False)
    # It keeps its environments in the home folder. Ours are apart, because of the replaced script below.
    home = ANSIBLE_TEST / "home"
    write_pip_config(home / ".config/pip/pip.conf")
    write_pip_bootstrap(home / ".ansible/test/cache")
    env = {
        "HOME": str(home),
        "ANSIBLE_TEST_CONTENT_ROOT": str(tree),
        # Without a pyenv shim, which ansible-test might pick.
        "PATH": f"{VENV}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Step(["ansible-test", "sanity", "--junit", "--python", version, "--color", "no"], tree / "tests/output/junit", tree, env)


def git_files() -> list[str]:
    """List what git tracks, or would track once it is added."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return sorted({name for name in listed.split("\0") if name and (ROOT / name).is_file()})


def write_pip_config(path: Path) -> None:
    """Write down how pip is configured here: ansible-test passes on neither PIP_INDEX_URL nor the user's configuration."""
    pip = [str(VENV / "python"), "-m", "pip"]
    options = {"quiet": "2", "cache-dir": subprocess.run([*pip, "cache", "dir"], check=True, capture_output=True, text=True).stdout.strip()}
    listed = subprocess.run([*pip, "config", "list"], check=True, capture_output=True, text=True).stdout.splitlines()
    # The environment overrides the files.
    for line in sorted(listed, key=lambda line: line.startswith(":env:")):
        name, value = line.split("=", 1)
        options[name.rpartition(".")[2]] = ast.literal_eval(value)
    config = configparser.RawConfigParser()
    config["global"] = options
    path.parent.mkdir(parents=True, exist_ok=True)
    # An index URL may hold a password.
    path.touch(0o600)
    with path.open("w", encoding="utf-8") as file:
        config.write(file)


def write_pip_bootstrap(cache: Path) -> None:
    """Let our pip fill ansible-test's environments, in place of a script that it would download from outside PyPI."""
    source = next(VENV.parent.glob("lib/python3.*/site-packages/ansible_test/_internal/python_requirements.py")).read_text()
    version = source.split("pip='", 1)[1].split("'", 1)[0]
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(
        "import subprocess, sys\n"
        "options = [option for option in sys.argv[1:] if option not in ('--no-setuptools', '--no-wheel')]\n"
        f"sys.exit(subprocess.call([{str(VENV / 'python')!r}, '-m', 'pip', '--python', sys.executable, 'install', '-qq', *options]))\n"
    )


# Running and counting


class Interrupted(Exception):
    """Ctrl-C came."""


class Running:
    """A step that runs; its output goes to a file, from which it is shown."""

    def __init__(self, step: Step, log: Path):
        env = os.environ | {"PATH": f"{VENV}:{os.environ['PATH']}", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")} | step.env
        self.step = step
        self.deadline = time.monotonic() + step.limit_seconds
        self.hanging = False
        # A file, since a pipe would stay open for as long as a daemon that a failing test left behind.
        with log.open("ab") as output:
            # A process group of its own, so that one Ctrl-C reaches it once, through us.
            self.process = subprocess.Popen(
                step.command, cwd=step.cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=os.setpgrp
            )

    def ended(self) -> bool:
        """Whether it has ended. One that takes too long is interrupted, and then killed."""
        if self.process.poll() is not None:
            return True
        if time.monotonic() > self.deadline:
            print(f"\n{self.step.command[0]}: not done after {self.step.limit_seconds} s", flush=True)
            os.killpg(self.process.pid, signal.SIGKILL if self.hanging else signal.SIGINT)
            self.hanging, self.deadline = True, self.deadline + CLEAN_UP_SECONDS
        return False

    def interrupt(self) -> None:
        """Have it clean up and end."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)

    def status(self) -> int:
        """The exit status."""
        return TIMED_OUT if self.hanging else self.process.returncode


def show(written: BinaryIO) -> None:
    """Pass on what a step has written since the last call."""
    sys.stdout.buffer.write(written.read())
    sys.stdout.flush()


def count(step: Step, status: int) -> Count:
    """Count the cases of a step that ended with this exit status."""
    counted = Count()
    for case in junit_cases(step.junit):
        name = f"{case.get('classname')}: {case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counted.fail(name)
        elif skipped is None:
            counted.passed += 1
        elif case.get("classname") != "sanity":
            counted.skipped += 1
            counted.remarks.append(f"skipped: {name}: {skipped.get('message')}")
        elif skipped.text != "No tests applicable.":
            # ansible-test skips what it lacks a tool for, and passes.
            counted.fail(f"{name}: {skipped.text}")
    if not step.junit and status == 0:
        counted.passed = 1
    elif status != 0 and not counted.failed:
        counted.fail(f"{' '.join(step.command)}: exit status {status}")
    elif not counted.passed and not counted.failed:
        counted.fail(f"{' '.join(step.command)}: ran nothing")
    return counted


def junit_cases(path: Path | None) -> Iterator[ElementTree.Element]:
    """Read the cases from a JUnit file, or from all of a folder's."""
    if path:
        for file in sorted(path.glob("*.xml")) if path.is_dir() else [path] if path.exists() else []:
            yield from ElementTree.parse(file).iter("testcase")


@dataclass
class Job:
    """A suite, or a step of one that is divided. ``live``: its output is shown as it comes, not when a step has ended."""

    suite: str
    steps: Iterable[Step]
    live: bool
    part: str = ""
    counted: Count = field(default_factory=Count)
    seconds: float = 0.0
    running: Running | None = None
    interrupted: bool = False

    @property
    def name(self) -> str:
        """What its log is called."""
        return f"{self.suite}-{self.part}" if self.part else self.suite

    def excludes(self, other: Job) -> bool:
        """Whether it may not run beside another one."""
        return self.suite != other.suite and any({self.suite, other.suite} <= shared for shared in SHARED)

    def run(self) -> Iterator[None]:
        """Run it, a look at a time."""
        started = time.monotonic()
        try:
            yield from self.run_steps()
        except Interrupted:
            self.counted.fail(f"{self.name} was interrupted")
        self.seconds = time.monotonic() - started
        print(f"== {self.name}: {self.counted.passed} passed, {self.counted.failed} failed", flush=True)

    def run_steps(self) -> Iterator[None]:
        """Run the steps and count their cases."""
        path = RESULTS / f"{self.name}.log"
        path.write_bytes(b"")
        with path.open("rb") as written:
            for step in self.steps:
                print(f"\n== {self.name}: {' '.join(step.command)}", flush=True)
                if step.junit and step.junit.is_file():
                    step.junit.unlink()
                try:
                    self.running = Running(step, path)
                except OSError as error:
                    self.counted.fail(f"{step.command[0]}: {error.strerror}")
                    continue
                while not self.running.ended():
                    yield
                    if self.live:
                        show(written)
                if not self.live:
                    print(f"\n== {self.name}: what {step.command[0]} said")
                show(written)
                if self.interrupted:
                    raise Interrupted
                self.counted.add(count(step, self.running.status()))
        if not self.counted.passed and not self.counted.failed:
            self.counted.fail(f"{self.name} has nothing to run")

    def interrupt(self) -> None:
        """Run nothing more."""
        self.interrupted = True
        if self.running:
            self.running.interrupt()


def queue() -> list[Job]:
    """All suites, or their parts, those that take longest first."""
    jobs = []
    for name, suite in SUITES.items():
        if name in DIVIDED:
            jobs += [Job(name, [step], live=False, part=step.junit.stem if step.junit else "") for step in suite()]
        else:
            # Its steps are made one at a time, since the first may need what was made for the last.
            jobs.append(Job(name, suite(), live=False))
    return sorted(jobs, key=lambda job: LONGEST.index(job.name) if job.name in LONGEST else len(LONGEST))


def run_all(jobs: list[Job], workers: int) -> list[Job]:
    """Run jobs, so many at the same time, until the last has ended. Return those that began."""
    told: list[int] = []
    # A stopped CI run cleans up like an interrupted one; a shell starts background jobs with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: told.append(number))
    waiting, begun = list(jobs), []
    going: list[tuple[Job, Iterator[None]]] = []
    while waiting or going:
        if told:
            told.clear()
            waiting.clear()
            for job, _looks in going:
                job.interrupt()
        for job in list(waiting):
            if len(going) < workers and not any(job.excludes(other) for other, _looks in going):
                waiting.remove(job)
                begun.append(job)
                going.append((job, job.run()))
        going = [(job, looks) for job, looks in going if next(looks, "ended") != "ended"]
        time.sleep(LOOK_SECONDS)
    return begun


def main() -> int:
    """Run what the command line names, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="tests/run",
        description="Runs the test suites: those named, or all.",
        epilog="suites:\n" + "\n".join(f"  {name:<12}{suite.__doc__}" for name, suite in SUITES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="a suite's name")
    names = parser.parse_args().suites
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        parser.error(f"no suite is called {', '.join(unknown)}; choose from {', '.join(SUITES)}")

    RESULTS.mkdir(parents=True, exist_ok=True)
    jobs = [Job(name, SUITES[name](), live=True) for name in names] or queue()
    begun = run_all(jobs, 1 if names else WORKERS)
    interrupted = any(job.interrupted for job in begun)
    total = Count()
    table = []
    for name in filter({job.suite for job in begun}.__contains__, SUITES):
        counted, seconds = Count(), 0.0
        for job in begun:
            if job.suite == name:
                counted.add(job.counted)
                seconds += job.seconds
        table.append(f"{name:<12}{counted.passed:>7}{counted.failed:>7}{counted.skipped:>8}{seconds:>8.1f} s")
        total.add(counted)
    print(f"\n{'suite':<12}{'passed':>7}{'failed':>7}{'skipped':>8}{'time':>10}", *table, *total.remarks, sep="\n")
    print(f"logs: {RESULTS.relative_to(ROOT)}/\n")
    print(f"{total.passed} passed, {total.failed} failed" + (f", {total.skipped} skipped" if total.skipped else ""))
    return 130 if interrupted else 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody meets who has nothing but a checkout, a terminal, and a user that sudo asks for a password. Needs root.

The user, the password, the rule of sudo, the checkout and the lab are in namespaces: the machine never has them.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
USER = "newcomer"
# Some that a shell, a format or a line-wise reader might take for their own.
PASSWORD = "it's $HOME %p \"safe\\"
# A busy machine is slow, a hanging run is not waited for.
RUN_SECONDS = 900
HOME = "/run/home"
# $1 a folder, $2 the checkout, $3 a copy of it without .venv, $4 the user, $5 a hash of the password, $6 the user's home.
ARRIVAL = """set -eu
mkdir "$1/etc"
mount -n -t tmpfs none "$1/etc"
cp -a /etc/. "$1/etc"
mount -n --bind "$1/etc" /etc
mount -n -t tmpfs -o mode=700 none /var/lib/sudo
mount -n -t tmpfs -o mode=755 none /run
mkdir "$6"
echo "127.0.0.1 $(hostname)" >>/etc/hosts
useradd --password "$5" --home-dir "$6" --shell /bin/sh "$4"
echo "$4 ALL=(ALL) ALL" >"/etc/sudoers.d/$4"
chmod 440 "/etc/sudoers.d/$4"
mkdir "$3/.venv"
mount -n --bind "$2/.venv" "$3/.venv"
chown "$4:" "$6"
find "$3" -path "$3/.venv" -prune -o -exec chown "$4:" {} +
mount -n --rbind "$3" "$2"
echo arrived
read -r end
"""


class Newcomer:
    """A user at a terminal in a checkout of their own, which is where this one is."""

    def __init__(self, pid: int):
        self.inside = ["nsenter", "-t", str(pid), "-m", "-p", "--"]
        # The one thing that is not a newcomer's: whatever folder the checkout or its Python are in, this user may read it.
        reads = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
        self.enter = [*self.inside, "setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", *reads, "env", "-i"]
        self.enter += ["PATH=/usr/local/bin:/usr/bin:/bin", f"HOME={HOME}", f"USER={USER}", "TERM=dumb", "ANSIBLE_NOCOLOR=1"]

    def type(self, line: str, *answers: str) -> tuple[int, str]:
        """Paste a line, and answer each question for a password in turn. Return its status and what the terminal shows."""
        pid, terminal = pty.fork()
        if not pid:
            os.chdir("/")
            os.execvp("nsenter", [*self.enter, "sh", "-c", f"cd {shlex.quote(str(ROOT))} && {line}"])
        shown, asked = b"", 0
        deadline = time.monotonic() + RUN_SECONDS
        try:
            while True:
                assert time.monotonic() < deadline, shown.decode()
                if not select.select([terminal], [], [], 1)[0]:
                    continue
                try:
                    part = os.read(terminal, 65536)
                except OSError:  # how a terminal says that nobody writes to it any more
                    break
                shown += part
                questions = len(re.findall(rb"(?i)password[^\n]*: $|(?i:password)[^\n]*: \r?\n", shown))
                if questions > asked:
                    assert asked < len(answers), shown.decode()
                    os.write(terminal, f"{answers[asked]}\n".encode())
                    asked += 1
        finally:
            os.close(terminal)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert asked == len(answers), shown.decode()
        return status, shown.decode().replace("\r\n", "\n")

    def run(self, line: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a line where there is no terminal, as a service would."""
        command = [*self.enter, *(f"{name}={value}" for name, value in more.items()), "sh", "-c", f"cd {shlex.quote(str(ROOT))} && {line}"]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, start_new_session=True, timeout=RUN_SECONDS
        )


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    folder = tmp_path_factory.mktemp("newcomer")
    copy = folder / "checkout"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name, follow_symlinks=False)
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, check=True, capture_output=True, text=True
    ).stdout.strip()
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = [*namespaces, "sh", "-c", ARRIVAL, "sh", folder, ROOT, copy, USER, hashed, HOME]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "arrived\n", holder.stderr.read()
            first = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()[0]
            yield Newcomer(int(first))
        finally:
            holder.communicate("end\n")
    assert USER not in Path("/etc/passwd").read_text() and not Path(f"/etc/sudoers.d/{USER}").exists()


def proposed(shown: str) -> list[str]:
    """The lines that the closing text proposes."""
    lines = shown.split("Try next:\n", 1)[1].split("\n\n", 1)[0]
    return [line.strip() for line in lines.splitlines()]


def nodes(newcomer: Newcomer) -> list[int]:
    """The first processes of the lab's nodes, as they are numbered where the newcomer is."""
    found = subprocess.run([*newcomer.inside, "pgrep", "-f", "vxlanlab.vtep/(new-)?node"], check=False, capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def test_without_a_terminal_it_says_at_once_what_helps(newcomer):
    done = newcomer.run("make lab")
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode and f"{USER} does not become root by sudo: sudo: a password is required" in said, said
    assert "with the option --ask-become-pass" in said and "or run this as root" in said and "-e lab_driver=docker" in said
    assert "Remove what is left of an earlier run" not in said and not nodes(newcomer)


def test_a_wrong_password_is_told_at_once(newcomer):
    status, shown = newcomer.type("make lab", "wrong")
    assert status and f"{USER} does not become root by sudo: the password is wrong." in " ".join(shown.split()), shown
    assert not nodes(newcomer)


def test_the_lab_and_all_that_it_proposes(newcomer, tmp_path):
    """On a terminal, with the password alone: up, every line of the closing text, and nothing is left of the lab."""
    status, shown = newcomer.type("make lab", PASSWORD)
    assert status == 0 and "Checks: 29 of 29 passed" in shown, shown
    assert PASSWORD not in shown
    reader, command, down = proposed(shown)
    assert len(nodes(newcomer)) == 3
    everything = subprocess.run([*newcomer.inside, "sh", "-c", "cat /proc/[0-9]*/environ"], check=False, capture_output=True).stdout
    assert b"PATH=" in everything and PASSWORD.encode() not in everything, "a node's processes have the password"

    status, shown = newcomer.type(reader)
    assert status == 0 and "10.0.0.1" in shown and "192.168.1.2" in shown, shown

    assert command.endswith(" --ask-become-pass")
    status, shown = newcomer.type(command, PASSWORD)
    assert status == 0 and "br0" in shown and "10.0.0.1" in shown, shown
    bare = command.removesuffix(" --ask-become-pass")
    refused = newcomer.run(bare)
    assert refused.returncode and "sudo refused: sudo: a password is required. Let Ansible ask" in " ".join(refused.stdout.split())
    status, shown = newcomer.type(command, "wrong")
    assert status and "sudo refused: " in shown
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    assert newcomer.run(bare, ANSIBLE_BECOME_PASSWORD_FILE=f"{tmp_path}/password").returncode == 0

    status, shown = newcomer.type(down, PASSWORD)
    assert status == 0 and not nodes(newcomer), shown
    status, shown = newcomer.type(down, PASSWORD)
    assert status == 0 and "Lab vxlanlab does not run on this machine" in " ".join(shown.split()), shown


def test_the_line_that_removes_a_lab_of_another_name(newcomer):
    """It is found by its name alone, and a name that is not there leads to those that are."""
    data = " ".join(f"-e @playbooks/vars/{name}.yml" for name in ("lab", "derived", "checks"))
    asked = newcomer.run(
        f".venv/bin/ansible localhost --playbook-dir playbooks {data} -e lab_name=other-1 -m debug -a var=lab_try_next",
        ANSIBLE_CALLBACK_RESULT_FORMAT="json",
    )
    _reader, command, down = json.loads(asked.stdout.split("=>", 1)[1])["lab_try_next"]
    assert "-i artifacts/lab.vtep_lab.yml" in command
    made = json.dumps({"name": "other-1", "nodes": [{"name": "hv1", "address": "10.0.0.1/8"}]})
    ansible = [*newcomer.inside, ROOT / ".venv/bin/ansible", "localhost", "-m", "vxlanlab.vtep.lab_netns", "-a", made]
    subprocess.run(ansible, env=os.environ | {"ANSIBLE_HOME": "/run/ansible"}, check=True, capture_output=True)
    assert len(nodes(newcomer)) == 2
    status, shown = newcomer.type("make lab-down", PASSWORD)
    assert status == 0 and "Labs that run: other-1. Name one with -e lab_name=NAME." in " ".join(shown.split()), shown
    status, shown = newcomer.type(down, PASSWORD)
    assert status == 0 and not nodes(newcomer), shown

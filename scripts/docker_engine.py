# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command with a Docker engine, which it starts and stops where none answers (scripts/with-docker says more).

The engine gets network, mount and process namespaces of its own, and reaches the outside through slirp4netns: neither
bridges and packet filters nor mounts of containers appear on the machine, and when PID 1 of these namespaces ends,
the kernel removes all of it. A keeper process, which runs as root, ends it as soon as its standard input ends: it
cannot outlive the process that asked for it, however that one ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, NoReturn

import docker
from docker.errors import DockerException

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".cache/docker"
READY = "ready\n"
START_SECONDS = 60
STOP_SECONDS = 20
# slirp4netns answers name lookups here, with the resolver of the machine.
RESOLVER = "10.0.2.3"

# Run in the new namespaces. /run and /etc/docker are private, so that the engine leaves no file there.
INSIDE = """
set -eu
resolver=$(readlink -f /etc/resolv.conf)
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /etc/docker
case $resolver in
    /run/*) install -D "$1/resolv.conf" "$resolver" ;;
    *) mount --bind "$1/resolv.conf" "$resolver" ;;
esac
ip link set lo up
exec dockerd --data-root "$2" --exec-root /run/docker --pidfile /run/docker.pid --host "unix://$1/docker.sock" \
    --group "$3" --cgroup-parent "/${1##*/}" --dns "$4"
"""


def engine_answers() -> bool:
    """Whether the engine that Ansible would use is there."""
    try:
        client = docker.from_env(timeout=5)
    except DockerException:
        return False
    try:
        return client.ping()
    except (DockerException, OSError):
        return False
    finally:
        client.close()


def fail(message: str) -> NoReturn:
    """End with an error."""
    sys.exit(f"with-docker: {message}")


# Asking for an engine


def run_with_engine(command: list[str]) -> int:
    """Start an engine, run the command, stop the engine."""
    subprocess.run([ROOT / "scripts/setup", "docker-engine"], check=True)
    print("with-docker: no Docker engine answers, so one is started for this command", file=sys.stderr, flush=True)
    sudo = ["sudo", "-n"] if os.geteuid() != 0 else []
    with tempfile.TemporaryDirectory(prefix="vxlanlab-docker-") as folder:
        # A session of its own: Ctrl-C ends the command, and then the keeper.
        keeper = subprocess.Popen(
            [*sudo, sys.executable, __file__, "--keep", folder, str(os.getgid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            if keeper.stdout.readline() != READY:
                fail("the Docker engine did not start (see above)")
            return run(command, {"DOCKER_HOST": f"unix://{folder}/docker.sock"})
        finally:
            keeper.stdin.close()
            keeper.wait()


def run(command: list[str], env: dict[str, str]) -> int:
    """Run a command, also while this process is told to end: the command is told too, and cleans up first."""
    process = subprocess.Popen(command, env=os.environ | env)
    # Ctrl-C reaches the command without our help.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    status = process.wait()
    return 128 - status if status < 0 else status


# Keeping one


def keep(folder: Path, group: str) -> None:
    """Start an engine, say so, and stop it when standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (folder / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    folder.chmod(0o755)
    DATA.mkdir(parents=True, exist_ok=True)
    take_turns(os.open(DATA, os.O_RDONLY))
    first, network = "", None
    with (folder / "log").open("w") as log:
        inside = ["bash", "-c", INSIDE, "bash", str(folder), str(DATA), group, RESOLVER]
        engine = start(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *inside], log)
        try:
            first = wait_for("the engine's PID 1", engine, lambda: child_of(engine.pid))
            network = start(["slirp4netns", "--configure", "--mtu=65520", first, "tap0"], log)
            client = wait_for("an answer of the engine", engine, lambda: client_of(folder / "docker.sock"))
            # What a killed run left.
            empty(client)
            print(READY, end="", flush=True)
            sys.stdin.read()
            empty(client)
            os.kill(int(first), signal.SIGTERM)
            engine.wait(STOP_SECONDS)
        except (OSError, TimeoutError, subprocess.TimeoutExpired, DockerException) as error:
            print(f"with-docker: {error}. The engine's log ends with:", file=sys.stderr)
            sys.stderr.writelines((folder / "log").read_text().splitlines(keepends=True)[-15:])
        finally:
            if engine.poll() is None:
                os.kill(int(first) if first else engine.pid, signal.SIGKILL)
                engine.wait()
            if network:
                network.kill()
                network.wait()
            remove_cgroups(folder.name)
            # The asking process may have been killed.
            shutil.rmtree(folder, ignore_errors=True)


def take_turns(data: int) -> None:
    """Wait until no other engine uses the data directory, and keep others from it for as long as this process runs."""
    try:
        fcntl.flock(data, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"with-docker: another one uses {DATA}; waiting until it has ended", file=sys.stderr, flush=True)
        fcntl.flock(data, fcntl.LOCK_EX)


def start(command: list[str], log: IO) -> subprocess.Popen:
    """Start a program that is killed when the keeper is."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def wait_for(what: str, engine: subprocess.Popen, look):
    """Return what `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and engine.poll() is None:
        if found := look():
            return found
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not appear" + (f" in {START_SECONDS} s" if engine.poll() is None else ", as dockerd ended"))


def child_of(pid: int) -> str:
    """The first child of a process, or nothing."""
    return next(iter(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()), "")


def client_of(socket: Path):
    """A client of the engine, if it answers."""
    try:
        client = docker.DockerClient(base_url=f"unix://{socket}", timeout=START_SECONDS)
        client.ping()
        return client
    except (DockerException, OSError):
        return None


def empty(client: docker.DockerClient) -> None:
    """Remove all containers, volumes and networks; images stay."""
    for container in client.containers.list(all=True, ignore_removed=True):
        container.remove(force=True, v=True)
    client.networks.prune()
    for volume in client.volumes.list():
        volume.remove(force=True)


def remove_cgroups(name: str) -> None:
    """Remove the engine's control groups, which it leaves behind."""
    tops = [top for top in (Path("/sys/fs/cgroup") / name, *Path("/sys/fs/cgroup").glob(f"*/{name}")) if top.is_dir()]
    for folder in (Path(path) for top in tops for path, _names, _files in os.walk(top, topdown=False)):
        folder.rmdir()


def main() -> int:
    """Do what the command line says."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--keep"]:
        keep(Path(arguments[1]), arguments[2])
        return 0
    if not arguments or arguments[0].startswith("-"):
        fail("usage: scripts/with-docker COMMAND...")
    if engine_answers():
        os.execvp(arguments[0], arguments)
    return run_with_engine(arguments)


if __name__ == "__main__":
    sys.exit(main())

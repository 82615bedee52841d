# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection's side of a node's warm interpreter (``_lab.warm``): who is served, and by which one. Needs root."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import inspect
import os
import selectors
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import IO, Any, cast

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab import warm
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.processes import Process, read_process

# In the node's own /run, so that it ends with the node.
FOLDER = "run/vxlanlab.vtep"
# Seconds until an interpreter must say hello; then the ordinary way is faster.
PATIENCE = 30
# For a module of which nobody knows how it ended.
LOST = b"The node's warm interpreter was killed while it executed this module, which may have done a part of its work.\n"
# Of proc(5), what a process has from its parent: the whole file, or the lines that are named.
INHERITED = {
    "status": (
        *("Umask", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "Cpus_allowed", "Mems_allowed", "SigBlk", "SigIgn"),
        *("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"),
    ),
    "limits": (),
    "cgroup": (),
    "oom_score_adj": (),
    "loginuid": (),
    "sessionid": (),
    "personality": (),
    "coredump_filter": (),
    "timerslack_ns": (),
}


def is_served(command: str) -> bool:
    """Whether the command is Ansible's own for a module on standard input: no environment, no other user, no other Python.

    A process with a terminal must be in its session, to hear of its Ctrl-C.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    # ansible-core before 2.20 adds something for terminals.
    return words in [["/bin/sh", "-c", sys.executable + end] for end in ("", " && sleep 0")] and not has_terminal()


def run(process: Process, command: Sequence[str], source: bytes) -> subprocess.CompletedProcess[bytes] | None:
    """Execute a module's source as the command would in the node. ``None``: nothing was done, as no interpreter can serve."""
    with contextlib.ExitStack() as stack:
        try:
            text = stack.enter_context(open(os.memfd_create("module"), "wb"))
            text.write(source)
            text.flush()
            output, outputs_end = map(stack.enter_context, _pipe())
            errors, errors_end = map(stack.enter_context, _pipe())
            inputs_end, no_input = map(stack.enter_context, _pipe())
            no_input.close()
            connection = stack.enter_context(_connect(process, command))
            if connection.recv(len(warm.HELLO)) != warm.HELLO:
                return None
            connection.settimeout(None)
        except OSError:
            return None
        theirs = [text, inputs_end, outputs_end, errors_end]
        with _signals_told(connection):
            # From here on the module may be at work, and must not be executed twice.
            with contextlib.suppress(OSError):
                socket.send_fds(connection, [b"."], [file.fileno() for file in theirs])
            for file in theirs:
                file.close()
            told, printed, complained = _read(connection.fileno(), output.fileno(), errors.fileno())
    if not told:
        complained += LOST
    status = warm.STATUS.unpack(told)[0] if told else -signal.SIGKILL
    if status < 0:
        # As the shell tells of a signal.
        if -status not in (signal.SIGINT, signal.SIGPIPE):
            complained += f"{signal.strsignal(-status)}\n".encode()
        status = 128 - status
    return subprocess.CompletedProcess(command, status, printed, complained)


def program() -> str:
    """The source of the interpreter, without the call that starts it."""
    return inspect.getsource(warm)


def has_terminal() -> bool:
    """Whether this process has a terminal that could send it signals."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _connect(process: Process, command: Sequence[str]) -> socket.socket:
    """A connection to the node's interpreter for this command; starts one if none runs. Raises ``OSError``."""
    key = _key(command)
    root = os.open(f"/proc/{process.pid}/root", os.O_PATH)
    try:
        # Its number could stand for another process since it was looked up, but not since the folder is open.
        if read_process(process.pid) != process:
            raise ProcessLookupError
        path = f"/proc/self/fd/{root}/{FOLDER}/{key}"
        os.makedirs(path, 0o700, exist_ok=True)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    finally:
        os.close(root)
    try:
        address = f"/proc/self/fd/{folder}/socket"
        try:
            return _connected(address)
        except (FileNotFoundError, ConnectionRefusedError):
            # One starts it, the others wait; the kernel ends the lock with the process.
            fcntl.flock(folder, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                return _connected(address)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(address)
            _start(process, command, address, f"/{FOLDER}/{key}")
            return _connected(address)
    finally:
        os.close(folder)


def _connected(address: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.settimeout(PATIENCE)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _start(process: Process, command: Sequence[str], address: str, folder: str) -> None:
    """Start an interpreter just as the command starts a module. Whoever connects from now on waits for it, or for its end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen(128)
        call = f"{program()}\nserve({listener.fileno()}, {folder!r})\n"
        started = subprocess.Popen(
            ["nsenter", "-t", str(process.pid), "-a", "--", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )
        # It ends as soon as the interpreter has left its parent; what both print is not waited for.
        with cast(IO[bytes], started.stdout), cast(IO[bytes], started.stderr):
            with contextlib.suppress(BrokenPipeError), cast(IO[bytes], started.stdin) as source:
                source.write(call.encode())
            started.wait()


def _key(command: Sequence[str]) -> str:
    """Names all that a module has from the process that starts it, so that only equal processes share an interpreter."""
    parts = [program(), repr(command), repr(sorted(os.environb.items()))]
    for name, lines in INHERITED.items():
        # Not every kernel has all of these.
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", encoding="utf-8", errors="replace") as file:
            parts += [line for line in file if not lines or line.split(":")[0] in lines]
    parts.append(repr((os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)))
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]


@contextlib.contextmanager
def _signals_told(connection: socket.socket) -> Iterator[None]:
    """Send the module's process group the signals that end this process: it would be in the same group."""

    def tell(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            connection.send(bytes([number]))
        handlers[number](number, frame)

    handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: handler for number in (signal.SIGINT, signal.SIGTERM) if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, tell)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    reading, writing = os.pipe()
    return open(reading, "rb", buffering=0), open(writing, "wb", buffering=0)


def _read(*files: int) -> list[bytes]:
    """What comes out of each file, until its end."""
    parts: dict[int, list[bytes]] = {file: [] for file in files}
    with selectors.DefaultSelector() as selector:
        for file in files:
            selector.register(file, selectors.EVENT_READ)
        while selector.get_map():
            for key, _event in selector.select():
                try:
                    part = os.read(key.fd, 1 << 20)
                except ConnectionResetError:
                    # It ended without having read everything. What it said, or its end, comes next.
                    continue
                parts[key.fd].append(part)
                if not part:
                    selector.unregister(key.fd)
    return [b"".join(part) for part in parts.values()]

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that records a database, and how a module starts, finds and ends it.

It holds a lock on the recording (fcntl(2), "Advisory record locking"), for which the kernel names its process: no PID file can go stale, and no
other process can be taken for it.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check, check_range
from ansible_collections.vxlanlab.vtep.plugins.module_utils._files import open_file
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import text
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import recording
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.connection import Database, encode
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.database_file import DatabaseFile
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.log_rows import types
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.replica import Replica

#: Bytes that a recording has at least: its first line says what there is to know of the tables.
SMALLEST = 65536
#: Bytes that the last line may take.
LAST = 1000
#: Seconds without news after which the server is asked whether it is there.
IDLE = 10
#: Seconds between two attempts to connect again: the first, and the most, to which they double.
RETRY, LONGEST_RETRY = 0.05, 1.0
# struct flock of fcntl(2): type, whence, start, length, PID.
_LOCK = "hhqqi"
_PROGRAM = "import json, sys; options = json.loads(sys.argv[2]); sys.path[:] = options.pop('path'); from {} import record; record(sys.argv[1], options)"
#: The options of vtep_record that the first line repeats, besides the database: what a running recorder does not do otherwise any more.
KEPT = ("initial", "status", "database_file", "max_bytes", "max_seconds", "max_transactions")
#: What ended a recording besides ``Bounds``.
STOPPED, FAULT = "stopped", "fault"


class Bounds(NamedTuple):
    """How large a recording may become."""

    max_bytes: int
    max_seconds: float | None
    max_transactions: int | None


# -- the process ----------------------------------------------------------------------------------------------------


class _Full(Exception):
    """A bound is reached; its argument names it."""


class _File:
    """The recording, which this process has locked."""

    def __init__(self, path: str, most: int) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._path = path
        self._most = most
        self._size = 0
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def abandon(self) -> None:
        """Leave what was there before."""
        if not os.fstat(self._descriptor).st_size:
            os.unlink(self._path)

    def write(self, line: dict[str, Any], spare: int = LAST) -> None:
        """Append a line, or nothing of it; raises ``_Full`` where there would be no room for a last one."""
        data = f"{encode(line)}\n".encode()
        if self._size + len(data) > self._most - spare:
            raise _Full("max_bytes")
        if not self._size:
            # An earlier recording goes when this one begins, and not when it cannot.
            os.ftruncate(self._descriptor, 0)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
            raise
        self._size += len(data)


class _Recorder:
    def __init__(self, file: _File, options: dict[str, Any], wake: int) -> None:
        self.file = file
        self.options = options
        self.bounds = Bounds(*(options[name] for name in Bounds._fields))
        self.wake = wake
        self.transactions = 0
        self.database = Database(options["database"], options["timeout"], options["tls"])
        self.end = float("inf")
        self.connected = False
        self.written = DatabaseFile(options["database_file"]) if options["database_file"] else None

    def begin(self) -> None:
        """Connect, and write what there is."""
        self.database.connect()
        self.replica = Replica(self.database.has, self.options["status"])
        if self.written:
            known = types(self.database.schema)
            self.types = {table: {name: known[table][name] for name in names} for table, names in self.replica.columns.items()}
        self.replica.begin(self.database.monitor(self.replica.columns))
        current = self.replica.current() if self.options["initial"] else None
        self.connected = True
        if self.written:
            self.written.skip()
        now = time.time()
        try:
            kept = {name: self.options[name] for name in KEPT}
            self.file.write(recording.started(now, self.options["database"], self.database.schema.get("version", ""), current, kept))
        except _Full:
            raise UserError(
                f"max_bytes: {self.bounds.max_bytes} is less than what the database holds at the beginning; raise it, or use initial: false"
            ) from None
        if self.bounds.max_seconds is not None:
            self.end = time.monotonic() + self.bounds.max_seconds

    def run(self) -> dict[str, Any]:
        """Record until a bound is reached or the process is to stop; what to say of the end."""
        try:
            while not self._stopping():
                if time.monotonic() >= self.end:
                    raise _Full("max_seconds")
                try:
                    idle = time.monotonic() + IDLE
                    self._note(self.database.follow(self.wake, min(self.end, idle)))
                    if time.monotonic() >= idle:
                        self._sync()
                except UserError as error:
                    self._lost(error)
            return {"why": STOPPED, "complete": self._last()}
        except _Full as full:
            return {"why": str(full), "complete": True}

    def _stopping(self) -> bool:
        return bool(select.select([self.wake], [], [], 0)[0])

    def _note(self, updates: list[tuple[float, dict]]) -> None:
        for seconds, update in updates:
            records = self.written.of(update, self.types, self.replica.row) if self.written else []
            if changes := self.replica.take(update):
                said = recording.said([(record.date / 1000, record.comment) for record in records])
                self.file.write(recording.line(recording.TRANSACTION, seconds, number=self.transactions + 1, **said, changes=changes))
                self.transactions += 1
                if self.transactions == self.bounds.max_transactions:
                    raise _Full("max_transactions")

    def _sync(self) -> bool:
        self.database.extend(self.options["timeout"])
        leads = self.database.sync()
        self._note(self.database.updates())
        return leads

    def _last(self) -> bool:
        """Note all that was committed before the process was told to stop; whether it is known to be all."""
        try:
            if self.connected and self._sync():
                return True
            error = UserError("the server is a member of a cluster and no longer its leader")
        except UserError as trouble:
            error = trouble
        if self.connected:
            self._note_loss(error)
        # One more attempt: the server may be back, or another member of the cluster lead.
        try:
            self._resume()
            return self._sync()
        except UserError:
            return False

    def _lost(self, error: UserError) -> None:
        """The server is away: wait until it is back, and note what it holds now."""
        self._note_loss(error)
        pause = RETRY
        while not self.connected and not self._stopping():
            if time.monotonic() >= self.end:
                raise _Full("max_seconds")
            try:
                self._resume()
            except UserError:
                select.select([self.wake], [], [], pause)
                pause = min(2 * pause, LONGEST_RETRY)

    def _note_loss(self, error: UserError) -> None:
        # What has come is noted first, though no more can be asked.
        self._note(self.database.updates())
        self.connected = False
        self.file.write(recording.line(recording.LOST, time.time(), why=str(error)))

    def _resume(self) -> None:
        self.database.deadline = time.monotonic() + self.options["timeout"]
        self.database.connect()
        changes = self.replica.resume(self.database.monitor(self.replica.columns))
        self.connected = True
        if self.written:
            self.written.skip()
        self.file.write(recording.line(recording.RECONNECTED, time.time(), changes=changes))


def record(path: str, options: dict[str, Any]) -> None:
    """The process: tell who waits at ``options["ready"]`` that it records, or why not, and record."""
    ready = options["ready"]
    file: _File | None = None
    answer: dict[str, Any] = {}
    try:
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *unused: None)
        file = _File(path, options["max_bytes"])
        # Of what is kept nothing is garbage, so it is not searched for any, neither while it is read nor later.
        gc.disable()
        recorder = _Recorder(file, options, wake)
        recorder.begin()
        gc.freeze()
        gc.enable()
    except BlockingIOError:
        answer = {"error": f"path: {path!r} is being recorded to by another process; stop that first"}
    except OSError as error:
        answer = {"error": f"path: {path!r} cannot be written: {error.strerror}; name another path"}
    except UserError as error:
        answer = {"error": str(error)}
    except Exception:
        answer = {"error": f"this is a fault of the collection: {traceback.format_exc()}"}
    os.write(ready, json.dumps(answer).encode())
    os.close(ready)
    if answer or file is None:
        if file:
            file.abandon()
        return
    try:
        end = recorder.run()
    except OSError as error:
        end = {"why": f"{FAULT}: {error.strerror}", "complete": False}
    except Exception:
        end = {"why": f"{FAULT}: {traceback.format_exc()[-LAST // 2 :]}", "complete": False}
    file.write(recording.line(recording.ENDED, time.time(), transactions=recorder.transactions, **end), spare=0)


# -- for the module -------------------------------------------------------------------------------------------------


def started(database: Database, options: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Record ``database``, as the options of vtep_record say; what the module returns. ``check_mode``: start nothing.

    Raises ``UserError`` where it cannot be recorded to this file, or by these bounds, and where it is already, in another way.
    """
    path = _path(options)
    if options["contents"]:
        raise UserError("contents: requires state: stopped, not started; leave it out")
    for option, low, high in (("max_bytes", SMALLEST, 2**63 - 1), ("max_seconds", 1, 2**31 - 1), ("max_transactions", 1, 2**31 - 1)):
        if options[option] is not None:
            check_range(option, options[option], low, high)
    pid = pid_of(path)
    # Also refuses to replace what is no recording.
    first = next(_lines(path), None) if os.path.lexists(path) and os.stat(path).st_size else None
    if pid is not None:
        held = {"database": first["database"], **first.get("options", {})} if first else {}
        for name, value in held.items():
            if value != options[name]:
                raise UserError(
                    f"{name}: {options[name]!r} has no effect: {path!r} is being recorded to, with {name}: {value!r}; stop that first "
                    "(state: stopped), or name another path"
                )
        return {"changed": False, "path": path, "pid": pid}
    said = {name: options[name] for name in ("database", "timeout", *KEPT)}
    said["tls"] = {name: options[name] for name in ("private_key", "certificate", "ca_cert")}
    return {"changed": True, "path": path, "pid": None if check_mode else _start(path, said, database.timeout)}


def stopped(database: Database, options: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """End the recording of the option ``path`` of vtep_record; what the module returns. ``check_mode``: end nothing.

    Raises ``UserError`` for a recording that does not say why it ended.
    """
    path = _path(options)
    changed = pid_of(path) is not None if check_mode else _stop(path, database.timeout)
    pid = pid_of(path)
    if not os.path.exists(path):
        return {"changed": changed, "path": path, "pid": pid}
    last: dict[str, Any] = {}
    count = 0
    kept = []
    for last in _lines(path):
        count += last["event"] == recording.TRANSACTION
        if options["contents"]:
            kept.append(last)
    if last["event"] != recording.ENDED and pid is None:
        raise UserError(
            f"path: the recorder of {path!r} has ended without saying why, by the kill of its process or a restart of the host; the recording is "
            f"good up to {last['time']}, and what came later is not in it; keep a copy, and start again"
        )
    result = {"changed": changed, "path": path, "pid": pid, "transactions": count, "bytes": os.stat(path).st_size}
    return {**result, "why": last.get("why"), "complete": last.get("complete"), **({"recording": kept} if options["contents"] else {})}


def _path(options: dict[str, Any]) -> str:
    path = accepted(text, "path", options["path"])
    check(os.path.isabs(path), "path", path, "an absolute path")
    return path


def pid_of(path: str) -> int | None:
    """The process that records to this file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"path: cannot open {path!r}: {error.strerror}; check the path, or use become") from None
    try:
        asked = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, *unused, pid = struct.unpack(_LOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if kind == fcntl.F_UNLCK:
        return None
    if pid <= 0:
        raise UserError(f"path: {path!r} is recorded to by a process of another PID namespace; run the task there")
    return pid


def _lines(path: str) -> Iterator[dict[str, Any]]:
    """The lines of a recording. Raises ``UserError`` for a file that is none."""
    with open_file(path, "path", largest=2**63) as file:
        for index, written in enumerate(file):
            try:
                line = json.loads(written)
            except ValueError:
                if index and not written.endswith(b"\n"):
                    # Being written, or all that a process could write before it was killed.
                    return
                line = None
            if not isinstance(line, dict) or (
                index == 0 and (line.get("event"), line.get("format")) != (recording.STARTED, recording.FORMAT)
            ):
                raise UserError(f"path: {path!r} is not a recording of this version of vtep_record; name another path")
            yield line


def _start(path: str, options: dict[str, Any], timeout: float) -> int:
    """Start to record, and return the process when it does; an earlier recording in this file is replaced."""
    receiver, sender = os.pipe2(os.O_CLOEXEC)
    program = _PROGRAM.format(__name__)
    try:
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", program, path, json.dumps({**options, "path": sys.path, "ready": sender})],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(sender,),
                start_new_session=True,
            )
        finally:
            os.close(sender)
        # The process ends by itself at its time-out; what it says then is better than that it says nothing.
        if not select.select([receiver], [], [], timeout + IDLE)[0]:
            process.kill()
            process.wait()
            raise UserError(f"timeout: waited {timeout + IDLE:g} s for the recording to begin; is the machine busy? Raise timeout")
        with os.fdopen(os.dup(receiver), "rb") as file:
            said = file.read()
    finally:
        os.close(receiver)
    answer = json.loads(said) if said else {"error": f"the recorder ended at once ({process.wait()}); check that {sys.executable} runs"}
    if "error" in answer:
        process.wait()
        raise UserError(answer["error"])
    return process.pid


def _stop(path: str, timeout: float) -> bool:
    """End the process that records to this file, when it has written all that was committed before; whether there was one."""
    pid = pid_of(path)
    if pid is None:
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        # The descriptor holds the process: after this look its number cannot stand for another one.
        if pid_of(path) == pid:
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        if not select.select([descriptor], [], [], timeout)[0]:
            raise UserError(
                f"timeout: waited {timeout:g} s for the recorder (pid {pid}) to write the rest and to end; check that the server answers, "
                "or raise timeout"
            )
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)
    return True

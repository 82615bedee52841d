# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wire: one connection to an OVSDB server (RFC 7047).

Streams (unix, tcp, ssl) and polling are those of ``ovs``, the library under ovsdbapp; its replica of the database is
not used here, since it would copy whole MAC tables, and the standard library's JSON decoder is several times faster.
"""

from __future__ import annotations

import errno
import json
import os
import re
import select
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import text
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import DATABASE

try:
    import ovs.poller
    import ovs.stream

    OVS_ERROR = None
except ImportError:
    OVS_ERROR = traceback.format_exc()

K = TypeVar("K")

_CHUNK = 1 << 20
#: Bytes that a socket's name may have: 107 are the most of unix(7), and ovs reaches a longer path as /proc/self/fd/N/NAME.
LONGEST_NAME = 85
#: Characters of a strange answer that an error shows.
SHOWN = 200
#: White space that may come before a message; servers send none.
_BLANKS = 64
#: What an error about options begins with.
_OPTION = re.compile(r"[a-z_]+(, [a-z_]+)*: ")
#: A request is sent in pieces of about this size, so that the server takes one while the next is made.
_PIECE = 1 << 16
QUIET_MILLISECONDS = 50
RETRY_MILLISECONDS = 100
#: The lock that orders the tasks of this collection (RFC 7047, section 4.1.8).
LOCK = "vxlanlab_vtep"
encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
_decode = json.JSONDecoder().raw_decode


class Conflict(UserError):
    """The commit was refused; ``guard``: because somebody else wrote between the look and the commit."""

    def __init__(self, message: str, guard: bool) -> None:
        super().__init__(message)
        self.guard = guard


class Unsupported(UserError):
    """The server does not know a part of an operation, and has changed nothing."""


class Lost(UserError):
    """The connection broke while an answer was awaited."""


class TimedOut(UserError):
    """The task's time ran out."""


class Database:
    """A connection to the first of ``remotes`` that answers. Every wait ends at one deadline, ``timeout`` seconds on.

    Raises ``UserError`` for a remote that cannot be reached and for a server without a hardware_vtep database.
    """

    def __init__(self, remotes: str, timeout: float, tls: dict[str, str] | None = None) -> None:
        self.remotes = _parsed_remotes(remotes)
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self._tls = tls or {}
        self._stream: Any = None
        self._remote = ""
        self._buffer: list[bytes] = []
        self._depth = 0
        self._serial = 0
        self._lock_asked = False
        self._locked = False
        self._updates: list[tuple[float, dict]] = []
        self.schema: dict = {}
        self._tables: dict[str, set[str]] = {}
        self._resolved: dict[str, list[str]] = {}

    def __enter__(self) -> Database:
        self.connect()
        return self

    def __exit__(self, *unused: Any) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, where there is one."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def has(self, table: str, column: str | None = None) -> bool:
        """Whether the server's schema, which may be an older one, has this table or column."""
        return table in self._tables and (column is None or column == "_uuid" or column in self._tables[table])

    def left(self) -> float:
        """Seconds to the deadline; ``TimedOut`` where none are left."""
        return self._left(self.deadline, "an undisturbed moment")

    def pause(self, seconds: float) -> None:
        """Let others go on for so many seconds, or until the deadline; ``TimedOut`` where that has passed."""
        poller = ovs.poller.Poller()
        poller.timer_wait(int(min(seconds, self.left()) * 1000) + 1)
        poller.block()

    def extend(self, seconds: float) -> None:
        """Give the rest of the task at least this many seconds from now."""
        self.deadline = max(self.deadline, time.monotonic() + seconds)

    # -- connecting

    def connect(self) -> None:
        """Connect to the first remote that will do: of a cluster (ovsdb.7) the leader, or, where none is to be found, a
        member that knows one and passes on what it is sent.

        Raises ``UserError`` with the reason of each remote where none will do by the deadline.
        """
        self.close()
        if any(remote.startswith("ssl:") for remote in self.remotes):
            _prepare_tls(self._tls)
        failures: list[str] = []
        followers: list[str] = []
        for index, remote in enumerate(self.remotes):
            try:
                # A silent server must leave time for the ones after it.
                self._open(remote, time.monotonic() + (self.deadline - time.monotonic()) / (len(self.remotes) - index))
                if self._leads():
                    return
                followers.append(remote)
            except UserError as error:
                failures.append(str(error))
            self.close()
        for remote in followers:
            self._open(remote, self.deadline)
            return
        raise UserError(("" if _OPTION.match(failures[0]) else "database: ") + "; ".join(failures))

    def reconnect(self) -> None:
        """Connect again after the connection broke, for as long as the task may take: a cluster may be choosing a leader.

        Raises ``UserError`` where no remote will do until the deadline.
        """
        while True:
            try:
                return self.connect()
            except UserError:
                if self.deadline <= time.monotonic():
                    raise
                self.pause(RETRY_MILLISECONDS / 1000)

    def _open(self, remote: str, until: float) -> None:
        self._buffer = []
        self._depth = 0
        self._lock_asked = self._locked = False
        self._updates = []
        self._remote = remote
        try:
            for address in self._addresses(remote, until):
                error, stream = self._stream_to(address, until)
                if not error:
                    break
        except ssl.SSLError as trouble:
            raise UserError(f"private_key, certificate, ca_cert: these files do not belong together: {trouble}") from None
        except OSError as trouble:
            raise UserError(f"cannot connect to {remote}: {trouble}") from None
        if error:
            raise UserError(f"cannot connect to {remote}: {os.strerror(abs(error))}; {_advice(remote, abs(error))}")
        self._stream = stream
        if remote.startswith("ssl:"):
            self._shake_hands(until)
        self._read_schema(until)

    def _stream_to(self, address: str, until: float) -> tuple[int, Any]:
        """The number of an error, or 0; and a stream."""
        error, stream = ovs.stream.Stream.open(address)
        while not error:
            # Of the base class, which leaves out the TLS handshake, since that of ovs hides why it fails.
            error = ovs.stream.Stream.connect(stream)
            if error != errno.EAGAIN:
                break
            error = 0
            self._poll(stream.connect_wait, until, f"a connection to {self._remote}")
        if error and address.startswith("ssl:"):
            # The number is OpenSSL's; without TLS, it is the kernel's.
            plain_error, plain = self._stream_to(f"tcp:{address[len('ssl:') :]}", until)
            if plain:
                plain.close()
            error = plain_error or error
        return error, stream

    def addresses(self) -> list[str]:
        """The remotes, with addresses instead of the names of hosts."""
        return [address for remote in self.remotes for address in self._addresses(remote, self.deadline)]

    def _addresses(self, remote: str, until: float) -> list[str]:
        """A remote as ``ovs`` can reach it, which knows names of hosts with IPv6 addresses only."""
        kind, unused, rest = remote.partition(":")
        if kind == "unix":
            return [remote]
        host, unused, port = rest.rpartition(":")
        if remote not in self._resolved:
            self._resolved[remote] = [f"{kind}:{address}:{port}" for address in self._lookup(host.strip("[]"), until)]
        return self._resolved[remote]

    def _lookup(self, host: str, until: float) -> list[str]:
        answers: list[Any] = []

        def ask() -> None:
            try:
                answers.extend(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
            except (OSError, ValueError) as error:
                answers.append(error)

        # The resolver has its own idea of time, and cannot be interrupted.
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(self._left(until, f"the address of {host}"))
        if not answers or isinstance(answers[0], Exception):
            why = getattr(answers[0], "strerror", None) or answers[0] if answers else "no answer in time"
            raise UserError(f"database: cannot resolve the host {host!r} ({why}); check the name, or use its address")
        texts = [address[0] for *unused, address in answers]
        return [f"[{text}]" if ":" in text else text for text in dict.fromkeys(texts)]

    def _shake_hands(self, until: float) -> None:
        while True:
            try:
                return self._stream.socket.do_handshake()
            except ssl.SSLWantReadError:
                self._poll(self._stream.recv_wait, until, f"the TLS handshake with {self._remote}")
            except ssl.SSLWantWriteError:
                self._poll(self._stream.send_wait, until, f"the TLS handshake with {self._remote}")
            except ssl.SSLCertVerificationError as error:
                raise UserError(
                    f"ca_cert: the certificate of {self._remote} is not accepted: {error.verify_message}; check that it was "
                    "issued by this CA and is valid today"
                ) from None
            except OSError as error:
                raise UserError(
                    f"cannot connect to {self._remote}: the TLS handshake failed: {error}; check that the server uses TLS on this port"
                ) from None

    def _read_schema(self, until: float) -> None:
        try:
            answer = self._call("get_schema", [encode(DATABASE)], until)
        except Lost:
            if self._remote.startswith("ssl:"):
                # With TLS 1.3 a server refuses a client's certificate after the handshake.
                raise UserError(
                    f"certificate: {self._remote} closed the connection after the TLS handshake; the server may not accept it: check that "
                    "its CA issued it and that it is valid today"
                ) from None
            raise
        if answer.get("error"):
            served = ", ".join(self._checked(self._call("list_dbs", [], until).get("result"), list))
            raise UserError(
                f"the server at {self._remote} has no {DATABASE} database (it has: {served}); name the server of the VTEP's "
                "database, or add one made from vtep.ovsschema with 'ovs-appctl -t ovsdb-server ovsdb-server/add-db'"
            )
        self.schema = self._checked(answer.get("result"), dict)
        tables = self._checked(self.schema.get("tables"), dict)
        self._tables = {name: set(self._checked(self._checked(table, dict).get("columns"), dict)) for name, table in tables.items()}

    def _leads(self) -> bool:
        """Whether changes go straight into the database here; a server that stands alone always leads."""
        query = {"op": "select", "table": "Database", "where": [["name", "==", DATABASE]], "columns": ["model", "connected", "leader"]}
        answer = self._call("transact", [encode(["_Server", query])[1:-1]])
        # A server of before Open vSwitch 2.9 has no such database.
        results = [{}] if answer.get("error") else self._results(answer, 1)
        rows = self._checked(results[0].get("rows") or [{}], list)
        if self._checked(rows[0], dict).get("model") != "clustered":
            return True
        if not rows[0]["connected"]:
            raise UserError(f"{self._remote} is a member of a cluster and has no connection to a leader")
        return rows[0]["leader"]

    # -- transactions

    def transact(self, operations: Iterable[dict], until: float | None = None) -> list:
        """One transaction (RFC 7047, section 4.1.3); the operations' results.

        ``until``: a deadline of its own, in seconds of the monotonic clock.

        Raises ``Conflict`` where a guard or a constraint failed, ``Lost`` where the connection broke, ``TimedOut`` at the
        deadline, and ``UserError`` where the server does not accept changes.
        """
        sent: list[int] = []
        answer = self._call("transact", _encoded(operations, sent), until)
        if answer.get("error"):
            raise UserError(f"{self._remote} refused the transaction: {_words(answer['error'])}")
        return self._results(answer, sum(sent))

    def _results(self, answer: dict, count: int) -> list:
        """The results of so many operations; where one failed, its error."""
        results = self._checked(answer.get("result"), list)
        for result in results:
            if result and "error" in self._checked(result, dict):
                self._raise(result)
        # Even a wait has a result: an empty object.
        if len(results) != count or not all(isinstance(result, dict) for result in results):
            raise UserError(self._strange(results))
        return results

    def _checked(self, value: Any, kind: type[K]) -> K:
        """A part of what the server sent, which must be of this kind."""
        if not isinstance(value, kind):
            raise UserError(self._strange(value))
        return value

    def _strange(self, sent: Any) -> str:
        text = repr(sent)
        return (
            f"{self._remote} sent a message that is not valid in OVSDB (RFC 7047): "
            f"{text[:SHOWN] + '...' if len(text) > SHOWN else text}; check that it is an OVSDB server"
        )

    def lock(self) -> None:
        """Take turns with other tasks of this collection, so that many writers of one table do not undo each other's plans.

        It is a courtesy: guards protect from whoever has not got the lock. So half of the time that is left is the most that
        is waited for it, and a server that knows no locks is as well.
        """
        if self._lock_asked:
            return
        self._lock_asked = True
        result = self._call("lock", [encode(LOCK)]).get("result") or {}
        self._locked = result.get("locked", True)
        until = time.monotonic() + self.left() / 2
        while not self._locked and time.monotonic() < until:
            try:
                self._take(self._receive(until), until)
            except TimedOut:
                return

    def unlock(self) -> None:
        """Let the next one have its turn."""
        if self._lock_asked:
            self._lock_asked = self._locked = False
            self._call("unlock", [encode(LOCK)])

    def wait_for(self, condition: dict) -> None:
        """Block until a condition (an operation ``wait``) holds; the server watches, nothing polls. ``TimedOut`` at the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimedOut("")
        try:
            # The server's answer may come a moment after its own time is up.
            self.transact([{**condition, "timeout": int(left * 1000)}], self.deadline + 1)
        except Conflict:
            raise TimedOut("") from None

    # -- following the database

    def monitor(self, columns: Mapping[str, Iterable[str]]) -> dict:
        """Follow these columns of these tables from now on (RFC 7047, section 4.1.5); their rows as they are."""
        requests = {table: {"columns": list(names)} for table, names in columns.items()}
        answer = self._call("monitor", [f"{encode(DATABASE)},null,{encode(requests)}"])
        if answer.get("error"):
            raise UserError(f"{self._remote} refused to be followed: {_words(answer['error'])}")
        return self._checked(answer.get("result"), dict)

    def follow(self, wake: int, until: float) -> list[tuple[float, dict]]:
        """What has changed (RFC 7047, section 4.1.6), each part with the time at which it came, in seconds since the epoch.

        Nothing once the monotonic clock shows ``until``, or the descriptor ``wake`` is readable. Raises ``Lost`` where the
        connection breaks.
        """
        while not self._updates:
            if not self._buffer:
                error, data = self._stream.recv(_CHUNK)
                if error == errno.EAGAIN:
                    poller = ovs.poller.Poller()
                    self._stream.recv_wait(poller)
                    poller.fd_wait(wake, ovs.poller.POLLIN)
                    poller.timer_wait(max(0, int((until - time.monotonic()) * 1000) + 1))
                    poller.block()
                    if time.monotonic() >= until or select.select([wake], [], [], 0)[0]:
                        break
                    continue
                if error or not data:
                    raise Lost(f"{self._remote} closed the connection" + (f": {os.strerror(error)}" if error else ""))
                self._keep(data)
            limit = time.monotonic() + self.timeout
            self._take(self._receive(limit), limit)
        return self.updates()

    def updates(self) -> list[tuple[float, dict]]:
        """The same, as far as it has come already."""
        found, self._updates = self._updates, []
        return found

    def sync(self) -> bool:
        """Return when all that was committed before this call has come; False where that cannot be known, since the server is a
        member of a cluster and not its leader. A server sends what has changed before it takes the next request."""
        return self._leads()

    def _raise(self, result: dict) -> None:
        kind, details = result["error"], result.get("details", "")
        if kind == "syntax error" and "present but not allowed" in details:
            raise Unsupported(f"{self._remote} refused the transaction: {details}")
        if kind in ("timed out", "referential integrity violation", "constraint violation", "aborted"):
            raise Conflict(f"{kind}: {details}", guard=kind == "timed out")
        if kind in ("not allowed", "permission error"):
            raise UserError(f"{self._remote} does not accept changes ({details or kind}); name the active server, not a standby")
        raise UserError(f"{self._remote} refused the transaction: {kind}: {details}")

    def _call(self, method: str, params: Iterable[str], until: float | None = None) -> dict:
        """``params``: the parameters as JSON, in pieces, each of which is sent as soon as it is there."""
        until = self.deadline if until is None else until
        self._serial += 1
        text = f'{{"method":"{method}","id":{self._serial},"params":['
        for part in params:
            text += part
            if len(text) > _PIECE:
                self._send(text.encode(), until)
                text = ""
        self._send(f"{text}]}}".encode(), until)
        while True:
            message = self._receive(until)
            if message.get("id") == self._serial and "method" not in message:
                return message
            self._take(message, until)

    def _take(self, message: dict, until: float) -> None:
        """Do what a message asks for that is no answer to us."""
        if message.get("method") == "echo":
            self._send(encode({"id": message.get("id"), "result": message.get("params"), "error": None}).encode(), until)
        elif message.get("method") == "locked":
            self._locked = True
        elif message.get("method") == "update":
            unused, changed = self._checked(message.get("params"), list)
            self._updates.append((time.time(), self._checked(changed, dict)))

    def _send(self, data: bytes, until: float) -> None:
        view = memoryview(data)
        while view:
            sent = self._stream.send(view)
            if sent >= 0:
                view = view[sent:]
            elif sent == -errno.EAGAIN:
                self._poll(self._stream.send_wait, until, f"{self._remote} to take the request")
            else:
                raise Lost(f"{self._remote} closed the connection: {os.strerror(-sent)}")

    def _receive(self, until: float) -> dict:
        """The next message. Messages have no length and no end mark, so a decode is tried where one may end: where the
        braces are in balance, or, since a brace may be part of a text, where nothing more comes for a moment."""
        quiet = False
        while True:
            if self._buffer and self._buffer[0][:_BLANKS].strip()[:1] not in (b"", b"{"):
                raise UserError(self._strange(self._buffer[0]))
            if self._buffer and (self._depth == 0 or quiet) and self._buffer[-1].endswith(b"}"):
                raw = b"".join(self._buffer)
                try:
                    text = raw.decode()
                    message, end = _decode(text)
                except json.JSONDecodeError:
                    self._buffer = [raw]
                except (UnicodeDecodeError, RecursionError):
                    raise UserError(self._strange(raw)) from None
                else:
                    self._keep(text[end:].encode())
                    return self._checked(message, dict)
            quiet = self._fill(until)

    def _keep(self, rest: bytes) -> None:
        self._buffer = [rest] if rest else []
        self._depth = rest.count(b"{") - rest.count(b"}")

    def _fill(self, until: float) -> bool:
        """Receive some more; True where nothing came in a moment although a message may be complete."""
        while True:
            # A server that never stops sending does not stop the clock.
            self._left(until, f"an answer from {self._remote}")
            error, data = self._stream.recv(_CHUNK)
            if error == errno.EAGAIN:
                if self._buffer and self._buffer[-1].endswith(b"}") and time.monotonic() < until:
                    poller = ovs.poller.Poller()
                    self._stream.recv_wait(poller)
                    poller.timer_wait(QUIET_MILLISECONDS)
                    poller.block()
                    error, data = self._stream.recv(_CHUNK)
                    if error == errno.EAGAIN:
                        return True
                else:
                    self._poll(self._stream.recv_wait, until, f"an answer from {self._remote}")
                    continue
            if error or not data:
                raise Lost(f"{self._remote} closed the connection" + (f": {os.strerror(error)}" if error else ""))
            self._buffer.append(data)
            self._depth += data.count(b"{") - data.count(b"}")
            return False

    def _poll(self, arm: Any, until: float, what: str) -> None:
        poller = ovs.poller.Poller()
        arm(poller)
        poller.timer_wait(int(self._left(until, what) * 1000) + 1)
        poller.block()

    def _left(self, until: float, what: str) -> float:
        left = until - time.monotonic()
        if left <= 0:
            raise TimedOut(
                f"timeout: waited {self.timeout:g} s for {what}; check that the server runs and is not overloaded, or raise timeout"
            )
        return left


def _encoded(operations: Iterable[dict], sent: list[int]) -> Iterator[str]:
    """The parameters of a transaction, some operations at a time: the server reads while the next are being made.

    ``sent`` gets the number of operations in each piece.
    """
    yield encode(DATABASE)
    remaining = iter(operations)
    while some := list(islice(remaining, 250)):
        sent.append(len(some))
        yield f",{encode(some)[1:-1]}"


# -- remotes --------------------------------------------------------------------------------------------------------


def _parsed_remotes(database: str) -> list[str]:
    remotes = [remote.strip() for remote in accepted(text, "database", database).split(",") if remote.strip()]
    for remote in remotes:
        kind, unused, rest = remote.partition(":")
        # A longer path is entered by its directory, so the name is what has to fit.
        good = kind == "unix" and bool(rest) and len(os.fsencode(os.path.basename(rest))) <= LONGEST_NAME
        if kind in ("tcp", "ssl"):
            host, unused, port = rest.rpartition(":")
            bracketed = host.startswith("[") and host.endswith("]")
            good = bool(host) and port.isdigit() and 0 < int(port) < 65536 and (bracketed or ":" not in host)
        if not good:
            raise UserError(
                f"database: {remote!r} is not accepted: expected unix:PATH, whose last part has {LONGEST_NAME} bytes or fewer, "
                "tcp:HOST:PORT or ssl:HOST:PORT, IPv6 in brackets, several separated by commas"
            )
    if not remotes:
        raise UserError("database: expected at least one address such as unix:/var/run/openvswitch/db.sock")
    return remotes


def _prepare_tls(tls: dict[str, str]) -> None:
    setters = {
        "private_key": ovs.stream.Stream.ssl_set_private_key_file,
        "certificate": ovs.stream.Stream.ssl_set_certificate_file,
        "ca_cert": ovs.stream.Stream.ssl_set_ca_cert_file,
    }
    for option, setter in setters.items():
        path = tls.get(option)
        if not path:
            raise UserError(f"{option}: required, because database contains an ssl: address")
        try:
            with open(accepted(text, option, path), "rb") as file:
                is_pem = b"-----BEGIN " in file.read()
        except OSError as error:
            raise UserError(f"{option}: cannot read {path!r} on the host that runs the module: {error.strerror}") from None
        if not is_pem:
            raise UserError(f"{option}: {path!r} is not accepted: expected a file in PEM format, with a line -----BEGIN ...-----")
        setter(path)


def _advice(remote: str, error: int) -> str:
    if error == errno.ENOENT:
        return "check that ovsdb-server is running and that this is the path of its socket"
    if error in (errno.EACCES, errno.EPERM):
        return "not permitted: run the task with become: true" if remote.startswith("unix:") else "not permitted: check the certificates"
    return "check the address, that the server listens there, and that no firewall blocks it"


def _words(error: Any) -> str:
    return f"{error.get('error')}: {error.get('details', '')}" if isinstance(error, dict) else str(error)

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON-RPC with ovsdb-server over its Unix socket (RFC 7047, section 4), without ever blocking for an answer."""

from __future__ import annotations

import json
import os
import select
import socket
from typing import Any

#: Message of the server: a reply (``result``) or something that it says by itself (``method``).
Message = dict[str, Any]
_READ_BYTES = 1 << 20
# How long the server may take to read what it is sent.
_SEND_SECONDS = 30


class Lost(Exception):
    """The server is not there, or no longer."""


class Connection:
    """One connection. ``Lost`` is raised where it ends."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_SEND_SECONDS)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise Lost(f"{path}: {os.strerror(error.errno or 0)}") from None
        # What is added to bytes is a copy each time.
        self._text = bytearray()
        self._number = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def request(self, method: str, *params: Any) -> int:
        """Send a request; its reply will have this number."""
        self._number += 1
        self._send({"method": method, "params": params, "id": self._number})
        return self._number

    def _send(self, message: Message) -> None:
        try:
            self._socket.sendall(json.dumps(message).encode())
        except OSError as error:
            raise Lost(f"cannot write to ovsdb-server: {error}") from None

    def read(self) -> list[Message]:
        """The messages that have come; probes of the server are answered (RFC 7047, section 4.1.11)."""
        # A socket with a timeout waits even with MSG_DONTWAIT. What does not fit into one chunk makes it readable again.
        try:
            chunk = self._socket.recv(_READ_BYTES) if select.select([self._socket], [], [], 0)[0] else None
        except OSError as error:
            raise Lost(f"cannot read from ovsdb-server: {error}") from None
        if chunk == b"":
            raise Lost("ovsdb-server has closed the connection")
        self._text += chunk or b""
        return [message for message in self._messages() if not self._is_probe(message)]

    def _messages(self) -> list[Message]:
        # Messages follow each other without a mark between them. Only where one may end is it worth to try.
        if not self._text.endswith(b"}"):
            return []
        text = self._text.decode()
        found: list[Message] = []
        start = 0
        decoder = json.JSONDecoder()
        while start < len(text):
            try:
                message, start = decoder.raw_decode(text, start)
            except ValueError:
                break
            found.append(message)
        if found:
            self._text = bytearray(text[start:].encode())
        return found

    def _is_probe(self, message: Message) -> bool:
        if message.get("method") != "echo":
            return False
        self._send({"result": message["params"], "error": None, "id": message["id"]})
        return True

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS against a real server, with a small CA made for the run: what is right works, what is wrong is refused and said."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest
from conftest import Server, Task


class Authority:
    """A CA and what it issues, by openssl."""

    def __init__(self, directory: Path, name: str):
        self.directory = directory
        self.name = name
        self.cert = directory / f"{name}.crt"
        self.key = directory / f"{name}.key"
        self._openssl("req", "-x509", "-nodes", *self._key(self.key), "-subj", f"/CN={name}", "-days", "2", "-out", self.cert)

    def issue(self, name: str, days: int = 2) -> dict[str, str]:
        """A certificate as module options; one of -1 days has expired."""
        key, request, cert = (self.directory / f"{self.name}-{name}.{end}" for end in ("key", "csr", "crt"))
        self._openssl("req", "-new", "-nodes", *self._key(key), "-subj", f"/CN={name}", "-out", request)
        self._openssl(
            "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", str(days), "-out", cert
        )
        return {"private_key": str(key), "certificate": str(cert), "ca_cert": str(self.cert)}

    def _key(self, path: Path) -> list:
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", path]

    def _openssl(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "good")


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other"), "other")


class TlsServer(Server):
    """An ovsdb-server that listens with TLS on a free port of the loopback interface."""

    def __init__(self, directory: Path, own: dict[str, str]):
        options = (f"--private-key={own['private_key']}", f"--certificate={own['certificate']}", f"--ca-cert={own['ca_cert']}")
        super().__init__(directory, remotes=("pssl:0:127.0.0.1",), options=options)
        port = re.search(r"0:127\.0\.0\.1: listening on port (\d+)", (directory / "log").read_text())[1]
        self.tls = f"ssl:127.0.0.1:{port}"


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory, authority):
    running = TlsServer(tmp_path_factory.mktemp("tls"), authority.issue("server"))
    yield running
    running.stop()


@pytest.fixture
def task(tls_server, capsys):
    tls_server.empty()
    return Task(tls_server, capsys)


class TestTls:
    def test_the_right_certificate(self, tls_server, task, authority):
        right = {"database": tls_server.tls, **authority.issue("client")}
        done = task.twice("vtep_logical_switch", name="ls0", tunnel_key=5000, **right)
        assert done["changed"] and tls_server.ctl("list-ls").split() == ["ls0"]

    def test_large_answers(self, tls_server, task, authority):
        """TLS hands out 16 KiB at a time; braces in texts must not confuse where an answer ends."""
        right = {"database": tls_server.tls, **authority.issue("client")}
        task("vtep_logical_switch", name="ls0", description="}{{ not a brace", **right)
        entries = [{"mac": f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}", "locator": "10.1.0.1"} for i in range(3000)]
        assert task.twice("vtep_ucast_remote", logical_switch="ls0", entries=entries, timeout=60, **right)["counts"]["created"] == 3000
        assert len(task("vtep_info", timeout=60, **right)["vtep"]["logical_switches"]["ls0"]["ucast_remote"]) == 3000

    def test_a_recording(self, tls_server, task, authority, tmp_path):
        right = {"database": tls_server.tls, **authority.issue("client")}
        recording = {"path": str(tmp_path / "recording.jsonl"), **right}
        assert task("vtep_record", state="started", **recording)["changed"]
        task("vtep_logical_switch", name="ls0", **right)
        entries = [{"mac": f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}", "locator": "10.1.0.1"} for i in range(3000)]
        task("vtep_ucast_remote", logical_switch="ls0", entries=entries, timeout=60, **right)
        result = task("vtep_record", state="stopped", contents=True, **recording)
        assert result["complete"] and [len(line.get("changes", ())) for line in result["recording"]] == [0, 1, 3001, 0]

    def test_a_recording_with_a_certificate_that_the_server_refuses(self, tls_server, task, authority, other_authority, tmp_path):
        mine = {**other_authority.issue("client"), "ca_cert": str(authority.cert)}
        message = task.fails("vtep_record", path=str(tmp_path / "recording.jsonl"), state="started", database=tls_server.tls, **mine)
        assert "certificate" in message and "may not accept it" in message and not list(tmp_path.iterdir())

    def test_a_server_of_another_ca(self, tls_server, task, authority, other_authority):
        mine = {**authority.issue("client"), "ca_cert": str(other_authority.cert)}
        message = task.fails("vtep_logical_switch", name="ls0", database=tls_server.tls, **mine)
        assert message.startswith("ca_cert: ") and "certificate verify failed" not in message and "issued by this CA" in message

    @pytest.mark.parametrize("days", [2, -1])
    def test_a_client_that_the_server_refuses(self, tls_server, task, authority, other_authority, days):
        """Of another CA (2 days), or of the right one and expired (-1)."""
        mine = {**(other_authority if days > 0 else authority).issue("client", days), "ca_cert": str(authority.cert)}
        message = task.fails("vtep_logical_switch", name="ls0", database=tls_server.tls, **mine)
        assert "certificate" in message and "may not accept it" in message and "valid today" in message

    def test_a_server_that_is_down(self, tls_server, task, authority):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            database = f"ssl:127.0.0.1:{listening.getsockname()[1]}"
        message = task.fails("vtep_logical_switch", name="ls0", database=database, **authority.issue("client"))
        assert f"cannot connect to {database}: Connection refused" in message and "that the server listens there" in message

    def test_an_expired_server(self, tmp_path, capsys, authority):
        running = TlsServer(tmp_path, authority.issue("stale", -1))
        try:
            message = Task(running, capsys).fails("vtep_logical_switch", name="ls0", database=running.tls, **authority.issue("client"))
            assert "ca_cert" in message and "expired" in message
        finally:
            running.stop()

    @pytest.mark.parametrize("option", ["private_key", "certificate", "ca_cert"])
    def test_what_is_missing_is_named(self, tls_server, task, authority, option):
        mine = authority.issue("client")
        assert option in task.fails("vtep_logical_switch", name="ls0", database=tls_server.tls, **{**mine, option: None})
        gone = task.fails("vtep_logical_switch", name="ls0", database=tls_server.tls, **{**mine, option: "/nonexistent.pem"})
        assert option in gone and "/nonexistent.pem" in gone

    def test_files_that_are_no_certificates(self, tls_server, task, authority, tmp_path):
        (tmp_path / "junk.pem").write_text("junk")
        for option in ("private_key", "certificate", "ca_cert"):
            mine = {**authority.issue("client"), option: str(tmp_path / "junk.pem")}
            message = task.fails("vtep_logical_switch", name="ls0", database=tls_server.tls, **mine)
            assert message.startswith(f"{option}: ") and "junk.pem" in message and "PEM" in message
        mine = {**authority.issue("client"), "private_key": authority.issue("other")["private_key"]}
        message = task.fails("vtep_logical_switch", name="ls0", database=tls_server.tls, **mine)
        assert message.startswith("private_key, certificate, ca_cert: these files do not belong together")

    def test_a_server_without_tls(self, tmp_path, capsys, authority):
        plain = Server(tmp_path, remotes=("ptcp:0:127.0.0.1",))
        try:
            port = re.search(r"0:127\.0\.0\.1: listening on port (\d+)", (tmp_path / "log").read_text())[1]
            mine = authority.issue("client")
            message = Task(plain, capsys).fails("vtep_logical_switch", name="ls0", database=f"ssl:127.0.0.1:{port}", timeout=5, **mine)
            assert "TLS" in message
        finally:
            plain.stop()

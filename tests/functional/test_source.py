# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bulk input from files, read by the module; the controller's half runs through ansible itself."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.source import load_entries

# Ten times ten times ... as many values as there are lines.
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 30)
)
ENTRIES = [{"mac": f"00:00:00:00:00:{i:02x}", "locator": f"10.1.0.{i % 3 + 1}"} for i in range(30)]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def switch(task):
    task("vtep_logical_switch", name="ls0")


def written(path: Path, entries: list[dict]) -> str:
    if path.suffix == ".csv":
        names = list(entries[0])
        path.write_text("\n".join([",".join(names), *(",".join(str(entry.get(name, "")) for name in names) for entry in entries)]) + "\n")
    else:
        path.write_text(json.dumps(entries) if path.suffix == ".json" else yaml.safe_dump(entries))
    return str(path)


class TestSource:
    @pytest.mark.parametrize("suffix", [".json", ".yml", ".csv"])
    def test_a_file_is_what_entries_are(self, server, task, tmp_path, suffix):
        src = written(tmp_path / f"macs{suffix}", ENTRIES)
        done = task.twice("vtep_ucast_remote", logical_switch="ls0", src=src)
        assert done["counts"]["created"] == 30 and len(done["rows"]) == 20
        assert not task("vtep_ucast_remote", logical_switch="ls0", entries=ENTRIES, purge=True)["changed"]
        src = written(tmp_path / f"less{suffix}", ENTRIES[:10])
        assert task.twice("vtep_ucast_remote", logical_switch="ls0", src=src, purge=True)["counts"]["deleted"] == 20
        assert task.twice("vtep_ucast_remote", logical_switch="ls0", src=src, state="absent")["counts"]["deleted"] == 10

    def test_locators_share_a_cell(self, server, task, tmp_path):
        (tmp_path / "m.csv").write_text("mac,locators\n,10.1.0.1 10.2.0.1\n01:00:5e:00:00:01,10.3.0.1\n")
        assert task.twice("vtep_mcast_remote", logical_switch="ls0", src=str(tmp_path / "m.csv"))["counts"]["created"] == 2
        assert server.ctl("list-remote-macs", "ls0").count("unknown-dst") == 2

    def test_a_whole_structure(self, server, task, tmp_path):
        saved = task("vtep_config", state="gathered")["gathered"]
        saved["logical_switches"]["ls0"]["tunnel_key"] = 7
        (tmp_path / "vtep.json").write_text(json.dumps(saved))
        assert task.twice("vtep_config", src=str(tmp_path / "vtep.json"), state="overridden")["changed"]
        assert server.ctl("get", "Logical_Switch", "ls0", "tunnel_key").strip() == "7"

    @pytest.mark.parametrize(
        ("name", "text", "words"),
        [
            ("macs.txt", "", ["src", "'macs.txt'", ".csv"]),
            ("macs.json", "[", ["src", "'macs.json' is broken"]),
            ("macs.yml", "a: [", ["src", "'macs.yml' is broken"]),
            ("macs.json", "{}", ["src", "list of entries"]),
            ("macs.json", '[{"mac": "00:00:00:00:00:01", "vtep": "10.1.0.1"}]', ["src macs.json[0]", "vtep", "locator"]),
            ("macs.json", "[7]", ["src macs.json[0]", "7"]),
            ("macs.json", '[{"locator": "10.1.0.1"}]', ["src macs.json[0].mac", "required"]),
            (
                "macs.csv",
                "mac,locator\n00:00:00:00:00:01,10.1.0.1\n00:00:00:00:00:02,10.1.0\n",
                ["src macs.csv, line 3.locator", "'10.1.0'"],
            ),
            ("macs.csv", "mac,locator\n00:00:00:00:00:01,10.1.0.1,x\n", ["src macs.csv, line 2", "3 cells", "2 columns"]),
            ("macs.csv", "mac,locator\n00:00:00:00:00:01\n", ["src macs.csv, line 2", "1 cells", "2 columns"]),
            ("macs.csv", 'mac,locator\n\n"00:00', ["'macs.csv' is broken", "line 3"]),
            ("macs.csv", "", ["'macs.csv' is empty", "names its columns", "locator, mac"]),
            ("macs.csv", "\n \n", ["'macs.csv' is empty"]),
            ("macs.csv", "00:00:00:00:00:01,10.1.0.1\n", ["line 1", "'00:00:00:00:00:01' is not a known column"]),
            ("macs.csv", "mac;vtep\n", ["line 1", "'mac;vtep' is not a known column", "semicolon"]),
            ("macs.csv", "\n\nmac,locator,mac\n", ["line 3", "'mac' occurs twice"]),
            ("macs.csv", "locator,ipaddr\n", ["line 1", "'mac' is required"]),
            ("macs.csv", "mac,locator\n,10.1.0.1\n", ["line 2.mac: required"]),
            (
                "macs.csv",
                "mac,locator\n\n00:00:00:00:00:02,10.1.0.1\n\n\n00:00:00:00:00:zz,10.1.0.1\n",
                ["line 6.mac", "'00:00:00:00:00:zz'"],
            ),
            ("macs.csv", 'mac,locator,ipaddr\n00:00:00:00:00:01,"10.1.0.1\n",\n00:00:00:00:00:02,10.1.0.1,"1\n\n0"\n', ["line 4.ipaddr"]),
            ("macs.json", '[{"mac": "00:00:00:00:00:01", "mac": "00:00:00:00:00:02"}]', ["'macs.json' is broken", "'mac' occurs twice"]),
            ("macs.json", '[{"mac": "00:00:00:00:00:01", "locator": "\\ud800"}]', ["src macs.json[0].locator", "'\\ud800'"]),
            ("macs.json", '[{"mac": NaN}]', ["'macs.json' is broken", "NaN"]),
            ("macs.json", "[" * 200_000, ["'macs.json' is broken", "nested too deep"]),
            ("macs.json", '{"a":' * 200_000, ["'macs.json' is broken", "nested too deep"]),
            ("macs.yml", "- mac: a\n  locator: b\n  mac: c\n", ["'macs.yml' is broken", "line 3", "'mac' occurs twice"]),
            ("macs.yml", "[" * 200_000, ["'macs.yml' is broken", "nested more than 64 deep"]),
            ("macs.yml", "- " * 200_000, ["'macs.yml' is broken", "nested more than 64 deep"]),
            ("macs.yml", "&a [*a]", ["'macs.yml' is broken", "*a", "within its own"]),
            ("macs.yml", BOMB, ["'macs.yml' is broken", "more than 20,000,000 values"]),
            ("macs.yml", "a: b\n---\nc: d\n", ["'macs.yml' is broken", "document"]),
        ],
    )
    def test_bad_files_change_nothing(self, task, tmp_path, name, text, words):
        (tmp_path / name).write_text(text)
        message = task.fails("vtep_ucast_remote", logical_switch="ls0", src=str(tmp_path / name))
        for word in words:
            assert word in message

    @pytest.mark.parametrize("suffix", [".json", ".yml", ".csv"])
    @pytest.mark.parametrize("kind", ["fifo", "directory", "device", "socket", "large", "not UTF-8", "NUL"])
    def test_what_is_no_file_of_data_is_refused_at_once(self, task, tmp_path, monkeypatch, suffix, kind):
        path = tmp_path / f"macs{suffix}"
        words = {"large": "bytes; expected 268,435,456 or fewer", "not UTF-8": "line 2: byte 0xe4 is not UTF-8", "NUL": "NUL"}.get(
            kind, f"is a {kind}"
        )
        with socket.socket(socket.AF_UNIX) as listener:
            if kind == "fifo":
                os.mkfifo(path)
                words = "is a FIFO"
            elif kind == "directory":
                path.mkdir()
            elif kind == "device":
                path.symlink_to("/dev/zero")
            elif kind == "socket":
                # A path may have 107 characters.
                monkeypatch.chdir(tmp_path)
                listener.bind(path.name)
                # What open(2) says of a socket.
                words = "No such device or address"
            elif kind == "large":
                with path.open("wb") as file:
                    file.truncate(2**28 + 1)
            elif kind == "not UTF-8":
                path.write_bytes(b"mac,locator\n# gel\xe4\n")
            src = f"{tmp_path}/a\0b{suffix}" if kind == "NUL" else str(path)
            message = task.fails("vtep_ucast_remote", logical_switch="ls0", src=src, purge=True)
        assert message.startswith("src: ") and words in message

    @given(data=st.data())
    def test_csv_in_every_dialect(self, data):
        """Whatever program wrote it, the same entries, and each on the line on which it begins."""
        cells = st.text(st.sampled_from('ab1:. ,;\t\n"\u00e4'), max_size=6).map(str.strip)
        columns = data.draw(
            st.lists(st.sampled_from(["mac", "locator", "ipaddr"]), unique=True, min_size=1).filter(lambda names: "mac" in names)
        )
        rows = data.draw(
            st.lists(st.fixed_dictionaries({name: cells.filter(bool) if name == "mac" else cells for name in columns}), max_size=5)
        )
        # Of one column no file shows the separator.
        separator = data.draw(st.sampled_from(",;\t")) if len(columns) > 1 else ","
        end = data.draw(st.sampled_from(["\n", "\r\n"]))
        quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        text, lines = "", []
        for row in [dict(zip(columns, columns)), *rows]:
            text += end * data.draw(st.integers(0, 2))
            lines.append(len(re.findall("\r\n|\n", text)) + 1)
            record = io.StringIO(newline="")
            csv.DictWriter(record, columns, delimiter=separator, lineterminator=end, quoting=quoting).writerow(row)
            text += record.getvalue()
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "macs.csv"
            path.write_bytes(data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode())
            entries, place = load_entries(str(path), {"mac", "locator", "ipaddr"}, "mac")
        assert entries == [{name: cell for name, cell in row.items() if cell} for row in rows]
        assert [place(index, None) for index in range(len(entries))] == [f"src macs.csv, line {line}" for line in lines[1:]]

    def test_a_header_alone_means_no_entries(self, server, task, tmp_path):
        task("vtep_ucast_remote", logical_switch="ls0", entries=ENTRIES)
        (tmp_path / "none.csv").write_text("mac;locator\n")
        assert task.twice("vtep_ucast_remote", logical_switch="ls0", src=str(tmp_path / "none.csv"), purge=True)["counts"]["deleted"] == 30

    @pytest.mark.parametrize("suffix", [".json", ".yml", ".csv"])
    def test_a_byte_order_mark_is_no_part_of_the_data(self, task, tmp_path, suffix):
        src = Path(written(tmp_path / f"macs{suffix}", ENTRIES))
        src.write_bytes(b"\xef\xbb\xbf" + src.read_bytes())
        assert task("vtep_ucast_remote", logical_switch="ls0", src=str(src))["counts"]["created"] == 30

    def test_aliases_and_merge_keys_of_yaml(self, task, tmp_path):
        (tmp_path / "macs.yml").write_text(
            'base: &base {locator: 10.1.0.1}\nlogical_switches:\n  ls0:\n    ucast_remote:\n      "00:00:00:00:00:01": {<<: *base, ipaddr: 192.168.1.1}\n'
        )
        assert "base" in task.fails("vtep_config", src=str(tmp_path / "macs.yml"))
        (tmp_path / "macs.yml").write_text("- &one {mac: '00:00:00:00:00:01', locator: 10.1.0.1}\n- {<<: *one, mac: '00:00:00:00:00:02'}\n")
        assert task("vtep_ucast_remote", logical_switch="ls0", src=str(tmp_path / "macs.yml"))["counts"]["created"] == 2

    def test_a_file_that_is_not_there(self, task):
        assert "remote_src" in task.fails("vtep_ucast_remote", logical_switch="ls0", src="/nonexistent/macs.json")

    def test_from_the_controller_and_from_the_node(self, server, tmp_path):
        """The whole way: ansible-playbook, the action plugin, the copy, the module; and the copy is gone afterwards."""
        (tmp_path / "files").mkdir()
        written(tmp_path / "files/macs.json", ENTRIES)
        on_node = written(tmp_path / "node.csv", ENTRIES[:5])
        play = {
            "hosts": "localhost", "gather_facts": False, "connection": "local",
            "module_defaults": {"group/vxlanlab.vtep.vtep": {"database": server.remote}},
            "vars": {"ansible_python_interpreter": sys.executable, "ansible_remote_tmp": str(tmp_path / "tmp")},
            "tasks": [
                {"vxlanlab.vtep.vtep_ucast_remote": {"logical_switch": "ls0", "src": "macs.json"}, "register": "first"},
                {"vxlanlab.vtep.vtep_ucast_remote": {"logical_switch": "ls0", "src": on_node, "remote_src": True, "purge": True}, "register": "second"},
                {"ansible.builtin.assert": {"that": ["first.counts.created == 30", "second.counts.deleted == 25"]}},
                {"vxlanlab.vtep.vtep_ucast_remote": {"logical_switch": "ls0", "src": "none.json"}, "ignore_errors": True, "register": "third"},
                {"ansible.builtin.assert": {"that": ["third is failed", "'src' in third.msg and 'none.json' in third.msg"]}},
            ],
        }  # fmt: skip
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        done = subprocess.run(
            [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "play.yml"],
            cwd=tmp_path, check=False, capture_output=True, text=True, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.ctl("list-remote-macs", "ls0").count("->") == 5
        assert list((tmp_path / "tmp").glob("*")) == []

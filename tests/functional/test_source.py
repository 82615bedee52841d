# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bulk input from files, read by the module; the controller's half runs through ansible itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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
            ("macs.json", '[{"locator": "10.1.0.1"}]', ["src macs.json[0].mac", "needed"]),
            (
                "macs.csv",
                "mac,locator\n00:00:00:00:00:01,10.1.0.1\n00:00:00:00:00:02,10.1.0\n",
                ["src macs.csv, line 3.locator", "'10.1.0'"],
            ),
            ("macs.csv", "mac,locator\n00:00:00:00:00:01,10.1.0.1,x\n", ["src macs.csv, line 2", "more"]),
            ("macs.csv", 'mac,locator\n"00:00', ["'macs.csv' is broken"]),
        ],
    )
    def test_bad_files_change_nothing(self, task, tmp_path, name, text, words):
        (tmp_path / name).write_text(text)
        message = task.fails("vtep_ucast_remote", logical_switch="ls0", src=str(tmp_path / name))
        for word in words:
            assert word in message

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

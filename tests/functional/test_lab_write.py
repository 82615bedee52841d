# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lab_write, through Ansible."""

from __future__ import annotations

import json
import os

import pytest
import yaml

TEXT = "ä\n\n"
DATA = {"b": [1, True, None], "a": "1"}


@pytest.fixture
def write(ansible):
    def run(*options, **arguments):
        ran = ansible(
            *("ansible", "localhost", "-m", "vxlanlab.vtep.lab_write", "-a", json.dumps(arguments), *options),
            ANSIBLE_CALLBACK_RESULT_FORMAT="json",
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return json.loads(ran.stdout[ran.stdout.index("=> {") + 3 :])

    return run


def state(folder):
    return {path.name: os.readlink(path) if path.is_symlink() else path.read_text() for path in folder.iterdir()}


def test_files_are_written_once_and_removed(write, tmp_path):
    folder = tmp_path / "new/folder"
    arguments = {"dest": str(folder), "files": {"text": TEXT, "data.json": DATA}, "absent": ["old"]}
    assert write("--check", **arguments)["changed"] and not folder.exists()
    result = write(**arguments)
    assert result["changed"] and result["files"] == [f"{folder}/text", f"{folder}/data.json"]
    assert state(folder)["text"] == arguments["files"]["text"] and json.loads(state(folder)["data.json"]) == DATA
    assert (folder / "text").stat().st_mode & 0o777 == 0o644
    assert not write(**arguments)["changed"]
    (folder / "old").symlink_to("/no/such/file")
    assert write("--check", **arguments)["changed"] and "old" in state(folder)
    assert write(**arguments)["changed"] and sorted(state(folder)) == ["data.json", "text"]


def test_links_are_replaced_and_never_followed(write, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("of somebody")
    folder = tmp_path / "of others"
    folder.mkdir()
    (folder / "text").symlink_to(precious)
    (folder / "same").symlink_to(precious)
    assert write(dest=str(folder), files={"text": "mine", "same": "of somebody"})["changed"]
    assert precious.read_text() == "of somebody" and state(folder) == {"text": "mine", "same": "of somebody"}
    assert not any(path.is_symlink() for path in folder.iterdir())


def test_the_difference_is_shown(ansible, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "text").write_text("before\n")
    arguments = json.dumps({"dest": str(folder), "files": {"text": "after\n", "new": "new\n"}})
    ran = ansible("ansible", "localhost", "-m", "vxlanlab.vtep.lab_write", "-a", arguments, "--check", "--diff")
    assert [line for line in ran.stdout.splitlines() if line.startswith(("-", "+")) and not line.startswith(("---", "+++"))] == [
        "-before",
        "+after",
        "+new",
    ]
    assert state(folder) == {"text": "before\n"}


WRONG = [
    ({"files": {"a/b": "text"}}, "files: 'a/b' is not accepted: expected the name of a file, without a folder"),
    ({"absent": [".."]}, "absent: '..' is not accepted"),
    ({"files": {"one": 1.5}}, "files: one: 1.5 is not accepted: expected a text, a dict or a list."),
    ({"files": {"one": "1"}, "absent": ["one"]}, "absent: one is in files as well."),
    ({"dest": "file", "files": {"one": "1"}}, "cannot take the files: "),
    ({"dest": ".", "files": {"folder": "1"}}, "cannot take the files: "),
]


def test_what_cannot_be_is_told_and_nothing_is_written(ansible, tmp_path):
    folder = tmp_path / "existing"
    (folder / "folder").mkdir(parents=True)
    (folder / "file").write_text("a file")
    cases = [{"files": {}, "absent": [], **case, "dest": str(folder / case.get("dest", "new"))} for case, _message in WRONG]
    task = {
        "vxlanlab.vtep.lab_write": {name: f"{{{{ item.{name} }}}}" for name in ("dest", "files", "absent")},
        "loop": cases,
        "register": "told",
        "ignore_errors": True,
    }
    say = {"vxlanlab.vtep.lab_write": {"dest": str(tmp_path), "files": {"told.json": "{{ told.results | map(attribute='msg') | list }}"}}}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task, say]}]))
    ran = ansible("ansible-playbook", tmp_path / "play.yml")
    assert ran.returncode == 0, ran.stdout
    told = json.loads((tmp_path / "told.json").read_text())
    assert [message in words for (_case, message), words in zip(WRONG, told)] == [True] * len(WRONG), told
    assert sorted(path.name for path in folder.iterdir()) == ["file", "folder"]

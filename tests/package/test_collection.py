# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tarball holds and says, and that it serves those who have nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import suites
import yaml
from away import OFFLINE, ROOT, Away
from markdown_it import MarkdownIt

REPOSITORY = yaml.safe_load((ROOT / "galaxy.yml").read_text())["repository"]
PLAYBOOKS = sorted(path.stem for path in ROOT.glob("playbooks/*.yml"))
PAGES = sorted(str(path.relative_to(ROOT)) for places in ("README.md", "docs/*.md", "roles/*/README.md") for path in ROOT.glob(places))


def test_the_installed_one_is_used(away: Away) -> None:
    found = json.loads(away.run("ansible-doc", "--json", "vxlanlab.vtep.vtep_info"))
    assert found["vxlanlab.vtep.vtep_info"]["doc"]["filename"] == f"{away.collection}/plugins/modules/vtep_info.py"


def test_it_holds_what_its_users_need_and_no_more(away: Away) -> None:
    names = {path.name for path in away.collection.iterdir()}
    # The change log comes with the first release.
    assert names - {"CHANGELOG.md"} == {
        *("README.md", "COPYING", "MANIFEST.json", "FILES.json", "requirements.txt", "requirements.yml", "lab.vtep_lab.yml"),
        *("meta", "plugins", "roles", "playbooks", "examples", "docs", "changelogs"),
    }
    files = {str(path.relative_to(away.collection)) for path in away.collection.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert files - {"MANIFEST.json", "FILES.json"} <= set(suites.git_files())


def test_it_needs_no_other_collection_and_says_where_it_comes_from(away: Away) -> None:
    info = json.loads((away.collection / "MANIFEST.json").read_text())["collection_info"]
    assert info["dependencies"] == {}
    assert all(info[name].startswith(REPOSITORY) for name in ("repository", "documentation", "homepage", "issues"))


def links(page: Path) -> Iterator[str]:
    """What a Markdown page links to, and the pictures that it shows."""
    for block in MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        for part in block.children or []:
            if target := part.attrGet("href") or part.attrGet("src"):
                yield str(target)


def leads_somewhere(target: str, folder: Path) -> bool:
    """Whether a link on a page in this folder of the installed collection is alive. Other sites are not asked."""
    path = target.partition("#")[0]
    if in_repository := re.fullmatch(rf"{re.escape(REPOSITORY)}/(?:blob|tree|raw)/main/(.+)", path):
        return (ROOT / in_repository[1]).exists()
    return bool(re.match("https?:", path)) or (folder / path).exists()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_into_the_tarball_or_to_the_repository(away: Away, page: str) -> None:
    dead = [target for target in links(ROOT / page) if not leads_somewhere(target, (away.collection / page).parent)]
    assert not dead, f"ship it (galaxy.yml), or link to {REPOSITORY}/blob/main/PATH (raw for a picture)"


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_every_playbook_has_a_name(away: Away, playbook: str) -> None:
    checked = away.run("ansible-playbook", "--syntax-check", f"vxlanlab.vtep.{playbook}")
    assert f"playbook: {away.collection}/playbooks/{playbook}.yml" in checked


@pytest.mark.parametrize("playbook", ["lab", "lab_image"])
def test_the_docker_driver_names_the_collection_that_it_lacks(away: Away, playbook: str) -> None:
    with pytest.raises(AssertionError, match=r"needs the collection community\.docker.*Install it: .*/requirements\.yml"):
        away.run("ansible-playbook", f"vxlanlab.vtep.{playbook}", "-e", "lab_driver=docker")


def test_galaxy_takes_it(away: Away) -> None:
    """The importer that Galaxy runs, ansible-lint within it."""
    importer = ("env", f"GALAXY_IMPORTER_ANSIBLE_LOCAL_TMP={away.folder}/importer", "python", "-m", "galaxy_importer.main")
    said = away.run(*OFFLINE, *importer, away.tarball)
    assert "ansible-lint run complete" in said
    assert not re.findall(r"^(?:WARNING|ERROR|CRITICAL).*", said, re.MULTILINE)


def test_ansible_builder_takes_its_requirements(away: Away) -> None:
    found = yaml.safe_load(away.run("ansible-builder", "introspect", away.folder / "collections"))
    assert found["system"] == []
    assert [line.split()[0] for line in found["python"]] == ["ovsdbapp", "ovs", "jmespath", "scapy"]


def test_pip_takes_its_requirements(away: Away) -> None:
    """The environment of the tests has all of them."""
    away.run(*OFFLINE, "python", "-m", "pip", "install", "--dry-run", "--no-index", "-r", away.collection / "requirements.txt")

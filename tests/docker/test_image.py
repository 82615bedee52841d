# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node image where a registry answers: a registry of our own, in a container."""

from __future__ import annotations

import contextlib
import os
import time

import pytest
from conftest import ROOT, play
from docker.errors import APIError, ImageNotFound

IMAGE = ROOT / "playbooks/lab_image.yml"
REPOSITORY = f"vxlanlab-test-{os.getpid()}"
SERVE = """
printf 'version: 0.1\\nstorage: {filesystem: {rootdirectory: /srv/registry}}\\nhttp: {addr: ":5000"}\\n' >/srv/config.yml
apt-get -q update && apt-get -q -y install --no-install-recommends docker-registry && exec docker-registry serve /srv/config.yml
"""


@pytest.fixture(scope="module")
def node_image(engine):
    """The image of this machine's labs."""
    made = play(IMAGE)
    assert made.returncode == 0, made.stdout
    return engine.images.get(made.stdout.split('msg: "')[-1].split("msg: ")[-1].split()[0].strip('"'))


@pytest.fixture
def pushed(engine, node_image):
    """An image that only a registry has, by its digest, and its layers."""
    registry = engine.containers.run(node_image.id, ["sh", "-c", SERVE], detach=True, init=True, ports={"5000/tcp": ("127.0.0.1", None)})
    try:
        registry.reload()
        name = f"127.0.0.1:{registry.attrs['NetworkSettings']['Ports']['5000/tcp'][0]['HostPort']}/base"
        node_image.tag(name, "1")
        push(engine, registry, name)
        (digest,) = (found for found in engine.images.get(f"{name}:1").attrs["RepoDigests"] if found.startswith(name))
        engine.images.remove(f"{name}:1")
        # Most engines have removed it with the tag.
        with contextlib.suppress(ImageNotFound):
            engine.images.remove(digest)
        yield digest, node_image.attrs["RootFS"]["Layers"]
    finally:
        registry.remove(force=True, v=True)
        for image in [
            *engine.images.list(filters={"reference": f"{REPOSITORY}*"}),
            *engine.images.list(filters={"reference": "127.0.0.1:*/base"}),
        ]:
            for reference in image.tags or image.attrs["RepoDigests"]:
                engine.images.remove(reference, force=True)


def push(engine, registry, name: str) -> None:
    """Push as soon as the registry, which is being installed, answers."""
    deadline = time.monotonic() + 300
    while True:
        try:
            events = list(engine.images.push(name, "1", stream=True, decode=True))
            if not any("error" in event for event in events):
                return
        except APIError as error:
            events = [error]
        registry.reload()
        assert registry.status == "running" and time.monotonic() < deadline, (events, registry.logs(tail=20))
        time.sleep(1)


def test_pinned_base_is_pulled(engine, pushed):
    digest, layers = pushed
    options = ("-e", f"lab_docker_base={digest}", "-e", f"lab_docker_image={REPOSITORY}")
    made = play(IMAGE, *options)
    assert made.returncode == 0, made.stdout
    assert "mmdebstrap" not in made.stdout
    (image,) = engine.images.list(REPOSITORY)
    assert image.attrs["RootFS"]["Layers"][: len(layers)] == layers
    again = play(IMAGE, *options)
    assert again.returncode == 0 and "changed=0" in again.stdout, again.stdout


def test_nothing_to_start_from(engine, tmp_path, node_image):
    """Neither a registry nor mmdebstrap: the error names both ways out, and nothing is left."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mmdebstrap").write_text("#!/bin/sh\nexit 127\n")
    (programs / "mmdebstrap").chmod(0o755)
    # Its recipe differs from that of the image that is there, which would be used otherwise.
    refused = play(
        IMAGE,
        "-e",
        "lab_docker_base=127.0.0.1:1/base:1",
        "-e",
        f"lab_docker_image={REPOSITORY}",
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
    )
    said = " ".join((refused.stdout + refused.stderr).split())
    assert refused.returncode and "apt-get install mmdebstrap" in said and "-e lab_docker_base=NAME:TAG" in said
    assert not engine.images.list(REPOSITORY)

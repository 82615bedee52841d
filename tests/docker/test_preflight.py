# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the docker driver says where something is missing or in the way, before it has made anything."""

from __future__ import annotations

import os
import socket

import pytest
from conftest import ROOT, play

NAME = f"preflight{os.getpid()}"
LAB = ROOT / "playbooks/lab.yml"
TRY = ("-e", f"lab_name={NAME}", "-e", "lab_artifacts=/nonexistent")


@pytest.fixture(autouse=True)
def nothing_is_made(engine):
    yield
    assert not os.path.exists("/nonexistent")
    assert not engine.containers.list(all=True, filters={"label": f"vxlanlab.lab={NAME}"}, ignore_removed=True)
    assert not engine.networks.list(filters={"label": f"vxlanlab.lab={NAME}"})


def refused(*arguments: str, **more) -> str:
    done = play(LAB, *TRY, *arguments, **more)
    assert done.returncode, done.stdout
    return " ".join((done.stdout + done.stderr).split())


def test_no_engine(tmp_path):
    said = refused(DOCKER_HOST=f"unix://{tmp_path}/docker.sock")
    assert f"No Docker engine answers at unix://{tmp_path}/docker.sock" in said
    assert "scripts/with-docker COMMAND" in said and "the driver netns runs the same lab" in said


def test_a_socket_path_that_no_socket_can_have():
    path = f"unix:///tmp/{'x' * 200}.sock"
    said = refused(DOCKER_HOST=path)
    assert f"No Docker engine answers at {path}" in said and "AF_UNIX path too long" in said


def test_no_permission(tmp_path):
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        os.chown(path, 65534, 65534)
        path.chmod(0o600)
        # Root may open it all the same, so this root gives that right up.
        said = refused(before=("setpriv", "--bounding-set", "-dac_override,-dac_read_search"), DOCKER_HOST=f"unix://{path}")
    assert f"may not use the Docker engine at unix://{path}" in said and "group docker" in said


def test_no_docker_program(tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    path = os.pathsep.join(folder for folder in os.environ["PATH"].split(os.pathsep) if not os.path.exists(f"{folder}/docker"))
    for name in ("sh", "env", "python3", "ip"):
        (programs / name).symlink_to(next(f"{folder}/{name}" for folder in os.get_exec_path() if os.path.exists(f"{folder}/{name}")))
    assert "The program docker is missing" in refused(PATH=f"{path}{os.pathsep}{programs}")


def test_no_tun():
    # A mount namespace of its own, where /dev/net is empty.
    without = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /dev/net && exec "$@"', "sh")
    assert "has no /dev/net/tun" in refused(before=without)


def test_name_of_the_interface():
    assert "Docker calls it eth0" in refused("-e", '{"lab_underlay": {"network": "10.0.0.0/8", "interface": "uplink", "mtu": 1500}}')


def test_addresses_of_another_network(engine):
    config = {"Subnet": "10.5.0.0/16"}
    other = engine.api.create_network(f"{NAME}-other", driver="bridge", ipam={"Driver": "default", "Config": [config]}, internal=True)
    try:
        said = refused()
    finally:
        engine.api.remove_network(other["Id"])
    assert "lab_underlay.network 10.0.0.0/8" in said and f"{NAME}-other 10.5.0.0/16" in said and "use another lab_underlay.network" in said

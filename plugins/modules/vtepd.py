#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtepd
short_description: Install the VTEP emulator vtepd
version_added: 0.1.0
description:
  - Writes the program C(vtepd), an emulator of a hardware VTEP on a bridge of Open vSwitch, as one file that C(python3) of the host runs. It
    needs nothing but Python's standard library and the programs of Open vSwitch and iproute2.
  - The role R(vxlanlab.vtep.vtep_emulator,ansible_collections.vxlanlab.vtep.vtep_emulator_role) does this and runs it, with
    C(vtep_emulator_engine=vtepd).
options:
  dest:
    description: Path of the program. Its folder has to be there.
    type: path
    default: /var/lib/openvswitch/vtepd.pyz
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - Python 3.10 or later, to run the program
seealso:
  - name: The emulator vtepd
    description: What it does, and how it differs from ovs-vtep.
    link: https://github.com/vxlanlab/vxlanlab.vtep/blob/main/docs/vtepd.md
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Install the emulator
  vxlanlab.vtep.vtepd:

- name: Ask it what it does
  ansible.builtin.command:
    argv: [/usr/bin/python3, /var/lib/openvswitch/vtepd.pyz, status, br0]
  changed_when: false
"""

RETURN = r"""
dest:
  description: Path of the program.
  returned: success
  type: str
  sample: /var/lib/openvswitch/vtepd.pyz
"""

import io
import os
import pkgutil
import tempfile
import zipfile
from importlib.util import find_spec
from typing import NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _vtepd
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd import main as _program

PACKAGE = _vtepd.__name__
UTILS = PACKAGE.rpartition(".")[0]
# What the parts of the program share with the collection.
SHARED = [f"{UTILS}._names", f"{UTILS}._values"]
MAIN = f"import sys\n\nfrom {_program.__name__} import main\n\nmain(sys.argv)\n"
# Files of a zip archive have a time; with this one, equal sources make equal programs.
EPOCH = (1980, 1, 1, 0, 0, 0)


def source(name: str) -> str:
    """The source of a Python module, also where it comes from an archive."""
    spec = find_spec(name)
    text = spec.loader.get_source(name) if spec and spec.loader and hasattr(spec.loader, "get_source") else None
    if text is None:
        raise UserError(f"the source of {name} is not there: install the collection again")
    return str(text)


def program() -> bytes:
    """The program: an archive that Python runs (zipapp in Python's library)."""
    names = sorted([*SHARED, *(f"{PACKAGE}.{part.name}" for part in pkgutil.iter_modules(_vtepd.__path__))])
    files = {f"{name.replace('.', '/')}.py": source(name) for name in names}
    parts = PACKAGE.split(".")
    files.update({f"{'/'.join(parts[:depth])}/__init__.py": "" for depth in range(1, len(parts) + 1)})
    files["__main__.py"] = MAIN
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for path, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(path, EPOCH), text)
    return written.getvalue()


def install(module: AnsibleModule) -> dict[str, object]:
    dest, wanted = module.params["dest"], program()
    try:
        with open(dest, "rb") as file:
            have = file.read()
    except FileNotFoundError:
        have = b""
    except OSError as error:
        raise UserError(f"dest: cannot read {dest!r}: {error.strerror}; check the path") from None
    folder = os.path.dirname(dest) or "."
    if not os.path.isdir(folder) and not module.check_mode:
        raise UserError(f"dest: there is no folder {folder!r}; install Open vSwitch first, or make it")
    changed = have != wanted
    if changed and not module.check_mode:
        descriptor, path = tempfile.mkstemp(dir=module.tmpdir)
        with os.fdopen(descriptor, "wb") as file:
            file.write(wanted)
        module.atomic_move(path, dest)
        os.chmod(dest, 0o644)
    return {"changed": changed, "dest": dest}


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={"dest": {"type": "path", "default": "/var/lib/openvswitch/vtepd.pyz"}},
        supports_check_mode=True,
    )
    finish(module, lambda: install(module))


if __name__ == "__main__":
    main()

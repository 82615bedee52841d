# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a filter tells what its user did wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError


@contextmanager
def errors_of(filter_name: str) -> Iterator[None]:
    """Turn ``UserError`` into ``AnsibleFilterError``, with the filter's name before it; to be used as a decorator."""
    try:
        yield
    except UserError as error:
        raise AnsibleFilterError(f"{filter_name}: {error}") from None


def kind(value: Any) -> str:
    """The type of a value by the name that Python has for it: what comes from Ansible may be of a type of its own, derived from that."""
    return next(base.__name__ for base in type(value).__mro__ if base.__module__ == "builtins")

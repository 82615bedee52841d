# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How every module ends: with its result, or with one ``fail_json`` for whatever went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary, UserError


def finish(module: AnsibleModule, work: Callable[[], dict[str, Any]]) -> NoReturn:
    """End the module with what ``work`` returns, or with the ``UserError`` that it raises."""
    try:
        result = work()
    except MissingLibrary as missing:
        message = missing_required_lib(missing.library, reason=missing.reason, url=missing.url)
        module.fail_json(msg=message, exception=missing.trace)
    except UserError as error:
        module.fail_json(msg=str(error), **error.result)
    module.exit_json(**{"changed": False, **result})

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How every module ends: with its result, or with one ``fail_json`` for whatever went wrong."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary, UserError

#: Where to report what nobody has foreseen.
ISSUES = "https://github.com/vxlanlab/vxlanlab.vtep/issues"


def finish(module: AnsibleModule, work: Callable[[], dict[str, Any]]) -> NoReturn:
    """End the module with what ``work`` returns, or with the error that it raises: a ``UserError`` in its own words, any other
    in one line that says what to report."""
    try:
        result = work()
    except MissingLibrary as missing:
        message = missing_required_lib(missing.library, reason=missing.reason, url=missing.url)
        module.fail_json(msg=message, exception=missing.trace)
    except UserError as error:
        module.fail_json(msg=_brief(str(error)), **error.result)
    except Exception as error:
        module.fail_json(msg=_unforeseen(error), exception=traceback.format_exc())
    module.exit_json(**{"changed": False, **result})


def _brief(message: str) -> str:
    """The message on one line: of a value that is very long, the beginning is enough to find it."""
    short = re.sub(r"\S{300,}", lambda found: f"{found[0][:100]}... ({len(found[0])} characters)", message)
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in short)


def _unforeseen(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return _brief(
        f"this is a fault of the collection, not of the task: {type(error).__name__}: {error} (in {os.path.basename(frame.filename)}, "
        f"line {frame.lineno}); please report this line, and the task, at {ISSUES}"
    )

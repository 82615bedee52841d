# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath, and a function ``items`` beside its own: the option ``query``."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary, UserError

#: Characters of an expression that is too long to be shown as a whole.
SHOWN = 80


def compiled(text: str | None) -> Callable[[Any], Any]:
    """A JMESPath expression as a function, checked before anything is read; without one, the data as it is.

    Raises ``UserError`` for a text that is no expression, and so does the function for data that it does not fit. Raises
    ``MissingLibrary`` where an expression is given and jmespath is not installed.
    """
    if text is None:
        return lambda data: data
    try:
        import jmespath
    except ImportError:
        raise MissingLibrary("jmespath", traceback.format_exc(), "for query") from None

    class Functions(jmespath.functions.Functions):
        """The functions of JMESPath, and ``items`` as in JMESPath Community: without it no name is found by what it names."""

        @jmespath.functions.signature({"types": ["object"]})
        def _func_items(self, named: dict[str, Any]) -> list[list[Any]]:
            return [[key, value] for key, value in named.items()]

    options = jmespath.Options(custom_functions=Functions())
    try:
        expression = jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        raise UserError(f"query: {text!r} is not a JMESPath expression: {error}") from None
    except RecursionError:
        raise UserError(f"query: {text[:SHOWN]!r}... is nested too deep for a JMESPath expression") from None

    def search(data: Any) -> Any:
        try:
            return expression.search(data, options)
        except jmespath.exceptions.JMESPathError as error:
            raise UserError(f"query: {text!r} does not fit the data: {error}") from None

    return search

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only room of the engine that touches AnsibleModule: options in, result out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary, UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Choice, Integer, Parse
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.connection import OVS_ERROR, Database
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.normal import normalise
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.plan import CREATE, DELETE, SAMPLE, UPDATE
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.render import Outcome, diff, first_row
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Current, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, clearable
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.task import carry_out, reported

CONNECTION = {
    "database": {"type": "str", "default": "unix:/var/run/openvswitch/db.sock"},
    "timeout": {"type": "float", "default": 10},
    "private_key": {"type": "path"},
    "certificate": {"type": "path"},
    "ca_cert": {"type": "path"},
}
#: The longest time to wait, in seconds: as milliseconds it fits into the 32 bits that poll(2) takes.
LONGEST = 2_000_000
#: No option is a number beyond this.
LARGEST = 2**64
#: Options that hold a whole database.
LONG = ("config", "running_config")
STATE = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}}


def column_options(table: str) -> dict[str, dict[str, Any]]:
    """The options that set the columns of a table, and those beside its references, as an argument specification."""
    options: dict[str, dict[str, Any]] = {}
    for name, column in TABLES[table].managed.items():
        option = options[column.option or name] = _option(column.parse)
        if column.kind == "map":
            options[column.option or name] = {"type": "dict"}
        elif column.kind == "set":
            options[column.option or name] = {"type": "list", "elements": option["type"]}
        if column.aliases:
            options[column.option or name]["aliases"] = list(column.aliases)
        # Ansible takes an option with this word in its name for a secret.
        if "key" in name:
            options[column.option or name]["no_log"] = False
        if column.refers and column.kind != "map":
            options |= {part.beside: {"type": "str"} for part in TABLES[column.refers].key if part.beside and not part.open}
    return options


def clear_option(table: str) -> dict[str, dict[str, Any]]:
    """The option that empties columns which no value of their own option empties."""
    return {"clear": {"type": "list", "elements": "str", "choices": list(clearable(table))}}


def _option(parse: Parse) -> dict[str, Any]:
    if isinstance(parse, Integer):
        return {"type": "int"}
    if isinstance(parse, Choice):
        return {"type": "str", "choices": list(parse.allowed)}
    return {"type": "str"}


class _Module(AnsibleModule):
    """AnsibleModule makes text of whatever is given where text is expected; a list or dictionary there is a mistake."""

    def _load_params(self) -> None:
        super()._load_params()
        _tame(self.argument_spec, self.params)
        #: The first such option and its value.
        self.mistake = next(_structures(self.argument_spec, self.params, ""), None)


def _tame(spec: dict[str, Any], params: Any) -> None:
    """Make text of what Ansible's own checks break on where they should refuse it, so that they do."""
    for option, said in spec.items():
        value = params.get(option)
        if value is None:
            continue
        inner = said.get("options") or {}
        if said.get("type") in ("int", "float") and _is_beyond(value, said["type"]):
            params[option] = f"{value} (too large)"
        elif inner and said["type"] == "dict" and not isinstance(value, dict):
            params[option] = str(value)
        elif any(one.get("type") in ("int", "float") or one.get("options") for one in inner.values()):
            for member in value if isinstance(value, list) else [value]:
                if isinstance(member, dict):
                    _tame(inner, member)


def _is_beyond(value: Any, kind: str) -> bool:
    try:
        return isinstance(value, (int, float, str)) and abs(float(value)) > LARGEST and kind == "int"
    except OverflowError:
        return True
    except ValueError:
        return False


def _structures(spec: dict[str, Any], params: Any, where: str) -> Iterator[tuple[str, Any]]:
    """The options that are a list or a dictionary where the specification says text, each with its value."""
    return _found(_shape(spec), params, where)


def _shape(spec: dict[str, Any]) -> tuple[list[str], list[tuple[str, Any]]]:
    """The options that are texts, and those that are lists with what their members are: text (``None``), or such a shape themselves."""
    texts = [option for option, said in spec.items() if said.get("type", "str") == "str"]
    lists = [
        (option, _shape(said["options"]) if said.get("options") else None)
        for option, said in spec.items()
        if said.get("type") == "list" and (said.get("elements") == "str" or said.get("options"))
    ]
    return texts, lists


def _found(shape: Any, params: Any, where: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(params, dict):
        return
    texts, lists = shape
    for option in texts:
        if isinstance(params.get(option), (list, dict)):
            yield f"{where}{option}", params[option]
    for option, inner in lists:
        members = params.get(option)
        for index, member in enumerate(members if isinstance(members, list) else ()):
            if inner:
                yield from _found(inner, member, f"{where}{option}[{index}].")
            elif isinstance(member, (list, dict)):
                yield f"{where}{option}[{index}]", member


class VtepModule:
    """An Ansible module on the hardware_vtep database.

    ``options`` are those beyond the connection's. ``apply`` and ``finish`` end the module.
    """

    def __init__(self, options: dict, state: bool = True, **kwargs: Any) -> None:
        # A module is a short process that builds much and drops little: collecting its garbage only costs time.
        gc.disable()
        spec = {**CONNECTION, **(STATE if state else {}), **options}
        self._module = _Module(argument_spec=spec, supports_check_mode=True, **kwargs)
        self.params: dict[str, Any] = self._module.params
        self.check_mode: bool = self._module.check_mode
        if self._module.mistake:
            option, value = self._module.mistake
            self._module.fail_json(msg=f"{option}: {value!r} is not accepted: expected text")

    def apply(
        self,
        want: Callable[[dict], Wanted],
        result: Callable[[Outcome, Wanted], dict] = first_row,
        wait: bool = False,
        status: bool = False,
        assume_new: bool = False,
    ) -> NoReturn:
        """Carry out what ``want`` makes of the options, and end with what ``result`` makes of the outcome.

        ``wait`` and ``assume_new`` as in ``task.carry_out``. ``status``: return what the VTEP reports of the rows, too.
        """

        def work() -> dict:
            wanted = normalise(want(self.params))
            with self.database() as db:
                done = carry_out(db, wanted, check=self.check_mode, wait=wait, assume_new=assume_new)
                outcome = Outcome(done, reported(db, done.wanted) if status else Current())
            for warning in done.warnings:
                self.warn(warning)
            return {
                "changed": bool(done.changes),
                "counts": {"created": done.count(CREATE), "updated": done.count(UPDATE), "deleted": done.count(DELETE)},
                **({"diff": diff(done)} if self._module._diff else {}),
                **result(outcome, done.wanted),
            }

        self.finish(work)

    def finish(self, work: Callable[[], dict]) -> NoReturn:
        """End the module with what ``work`` returns, or with the error that it raises."""

        def brief() -> dict:
            result = work()
            # The result repeats the arguments; of a long list the beginning does.
            self._module.params = {k: v[:SAMPLE] if isinstance(v, list) else v for k, v in self.params.items() if k not in LONG}
            return result

        finish(self._module, brief)

    def warn(self, warning: str) -> None:
        """Add a warning to the result."""
        self._module.warn(warning)

    def database(self, params: Mapping[str, Any] | None = None) -> Database:
        """The database that the options, or those in ``params``, name, not yet connected: use it in a ``with`` statement.

        Raises ``UserError`` for a ``timeout`` out of range (seconds), and ``MissingLibrary`` where ovs is not installed.
        """
        params = self.params if params is None else params
        if OVS_ERROR:
            raise MissingLibrary("ovs (it comes with ovsdbapp)", OVS_ERROR)
        # Also refuses what is no number (NaN), and what no clock can count.
        if not 0 < params["timeout"] <= LONGEST:
            raise UserError(f"timeout: {self.params['timeout']:g} is not accepted: expected a number of seconds above 0, up to {LONGEST}")
        tls = {option: params[option] for option in ("private_key", "certificate", "ca_cert")}
        return Database(params["database"], params["timeout"], tls)

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user gets to read when a value is not accepted, and how a module or a filter ends with it."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary, UserError, accepted, check_range
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


@pytest.mark.parametrize(("value", "high"), [(1, None), (1, 9), (9, 9), (10, None)])
def test_the_ends_of_a_range_belong_to_it(value, high):
    check_range("size", value, 1, high)


@pytest.mark.parametrize(
    ("value", "high", "remedy", "told"),
    [
        (0, None, "Use {}.", "size: 0 is out of range. Use 1 or more."),
        (0, 9, "Use {}.", "size: 0 is out of range. Use 1 to 9."),
        (10, 9, "Use {} bytes.", "size: 10 is out of range. Use 1 to 9 bytes."),
    ],
)
def test_beyond_the_ends_the_range_is_told(value, high, remedy, told):
    with pytest.raises(UserError) as caught:
        check_range("size", value, 1, high, remedy)
    assert str(caught.value) == told


def test_a_value_is_read_into_its_normal_form():
    assert accepted(_values.unicast_mac, "mac", "00-00-00-00-00-0A") == "00:00:00:00:00:0a"
    assert accepted(_values.worded(_values.vni, "expected something"), "vni", "5") == 5


def test_what_cannot_be_read_is_named_with_what_was_expected():
    with pytest.raises(UserError, match=r"^name: 'a/b' is not accepted: expected 1 to 15 characters without white space or /$"):
        accepted(_values.interface_name, "name", "a/b")
    with pytest.raises(UserError, match=r"^vni: -1 is not accepted: expected something$"):
        accepted(_values.worded(_values.vni, "expected something"), "vni", -1)


# A module


def end_of_a_module(capsys, work):
    with patch_module_args({}), pytest.raises(SystemExit) as ended:
        finish(AnsibleModule(argument_spec={}), work)
    return ended.value.code, json.loads(capsys.readouterr().out)


def failing(error):
    def work():
        raise error

    return work


def test_a_module_ends_with_its_result(capsys):
    code, result = end_of_a_module(capsys, lambda: {"answer": 42})
    assert (code, result["changed"], result["answer"]) == (0, False, 42)


def test_a_module_ends_with_the_error_and_what_else_there_is_to_tell(capsys):
    code, result = end_of_a_module(capsys, failing(UserError("port: 0 is out of range.", size=7)))
    assert (code, result["failed"], result["msg"], result["size"]) == (1, True, "port: 0 is out of range.", 7)


def test_a_module_says_which_library_is_missing_and_why_it_is_needed(capsys):
    missing = MissingLibrary("scapy", "Traceback", reason="for captures", url="https://scapy.net")
    code, result = end_of_a_module(capsys, failing(missing))
    assert code == 1
    for words in ("(scapy)", "This is required for captures.", "See https://scapy.net"):
        assert words in result["msg"]


# A filter


def test_a_filter_ends_with_the_error_and_its_name():
    with pytest.raises(AnsibleFilterError, match="^packet_walk: at: 'vm3'"):
        errors_of("packet_walk")(failing(UserError("at: 'vm3' is not possible here.")))()


def test_a_filter_that_succeeds_gives_its_result_each_time():
    double = errors_of("double")(lambda value: 2 * value)
    assert [double(value) for value in (1, 2)] == [2, 4]

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data of a lab's report as a page, in which nothing of the data is markup. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup


def lab_page(report: Mapping[str, Any], template: str, style: str, script: str = "") -> str:
    """The page that ``template`` makes of ``report``.

    Ansible's own templating knows no autoescape, so the template goes through Jinja's. ``style`` and ``script`` are the page's own, and
    not escaped; ``digest`` names the script in the page's Content-Security-Policy, by which a browser runs no other.
    """
    environment = Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.from_string(str(template)).render(report=report, style=Markup(str(style)), script=Markup(str(script)), digest=digest)

# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation site: built from the installed collection, and its pages that are made from docs/*.md."""

from __future__ import annotations

from pathlib import Path

import docsite
import pytest
from away import OFFLINE, ROOT, Away

# What the pages refer to in Ansible's own documentation, which Sphinx would ask for over the network.
ANSIBLES = """:orphan:

.. _action_plugins:
.. _ansible_configuration_settings:
.. _common_return_values:

Ansible
=======

.. envvar:: ANSIBLE_PIPELINING
"""


def test_the_site_is_built_without_a_warning(away: Away, tmp_path: Path) -> None:
    options = ("--use-current", "--fail-on-error", "--sphinx-theme", "alabaster")
    away.run("antsibull-docs", "sphinx-init", *options, "--dest-dir", tmp_path, "vxlanlab.vtep")
    rst = tmp_path / "rst"
    config = ("--config-file", tmp_path / "antsibull-docs.cfg")
    away.run(*OFFLINE, "antsibull-docs", *config, "collection", "--use-current", "--fail-on-error", "--dest-dir", rst, "vxlanlab.vtep")
    (rst / "ansible.rst").write_text(ANSIBLES)
    # conf.py also names an extension that reads other sites.
    extensions = ("-D", "extensions=sphinx_antsibull_ext")
    away.run(*OFFLINE, "sphinx-build", "-M", "html", rst, tmp_path / "build", "-c", tmp_path, "-W", "--keep-going", *extensions)
    pages = {path.name for path in (tmp_path / "build/html/collections/vxlanlab/vtep/docsite").iterdir()}
    assert pages == {f"{path.stem}.html" for path in ROOT.glob("docs/*.md")}


def test_the_pages_say_what_the_markdown_says() -> None:
    written = {path.name: path.read_text() for path in docsite.PAGES.iterdir()}
    assert written == docsite.pages(), "run .venv/bin/python scripts/docsite.py"


MARKDOWN = """# All `of` it

Text with a*star and a_ b, `code`s, **bold `code`**, *slanted*;
[a file](../COPYING), [a page](scale.md), [a site](https://example.org/#a).

- one
  more

  ```yaml
  a: b
  ```
- two

1. first

| a | b |
| --- | --- |
| `x \\| y` | |

```
plain
```
"""
PAGE = """.. Written by scripts/docsite.py from docs/made.md.

.. _ansible_collections.vxlanlab.vtep.docsite.made:

All ``of`` it
=============

Text with a\\*star and a\\_ b, ``code``\\ s, **bold code**, *slanted*;
`a file <REPOSITORY/blob/main/COPYING>`__, :ref:`a page <ansible_collections.vxlanlab.vtep.docsite.scale>`, `a site <https://example.org/#a>`__.

- one
  more

  .. code-block:: yaml

     a: b
- two

#. first

.. list-table::
   :header-rows: 1
   :widths: auto

   * - a
     - b
   * - ``x | y``
     -

.. code-block:: text

   plain
""".replace("REPOSITORY", docsite.REPOSITORY)


def test_markdown_becomes_restructuredtext() -> None:
    assert docsite.page(docsite.DOCS / "made.md", MARKDOWN) == PAGE


@pytest.mark.parametrize(
    ("markdown", "problem"),
    [
        ("Text\n\n<b>HTML</b>\n", "docs/made.md, line 3: no page can show this html_inline"),
        ("Text\n\n![picture](a.png)\n", "docs/made.md, line 3: no page can show this image"),
        ("**[a](scale.md)**\n", "docs/made.md, line 1: no page can show this link"),
        ("[a](missing.md)\n", "docs/made.md: missing.md is no link to a file in the repository"),
    ],
)
def test_what_no_page_can_show_is_an_error(markdown: str, problem: str) -> None:
    with pytest.raises(docsite.PageError) as raised:
        docsite.page(docsite.DOCS / "made.md", markdown)
    assert str(raised.value) == problem

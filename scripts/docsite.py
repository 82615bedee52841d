# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/docsite/rst/ from docs/*.md.

antsibull-docs takes the pages that it adds to a collection's site as reStructuredText alone, while GitHub and Galaxy show
Markdown. So Markdown is what people write, and the pages follow from it: run this after a change of docs/*.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import indent

import yaml
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = DOCS / "docsite/rst"
REPOSITORY = yaml.safe_load((ROOT / "galaxy.yml").read_text())["repository"]
# antsibull-docs leaves out a page with another label.
LABEL = "ansible_collections.vxlanlab.vtep.docsite."
UNDERLINES = {"h1": "=", "h2": "-", "h3": "~"}
# What may stand before and after inline markup; anything else is kept apart from it by "\ ", which shows as nothing.
BEFORE, AFTER = " \n'\"([{<-/:", " \n'\")]}>-/\\:.,;!?"


class PageError(Exception):
    """Something in a Markdown file that has no counterpart on a page."""


def pages() -> dict[str, str]:
    """Return every page's file name and text."""
    return {f"{path.stem}.rst": page(path, path.read_text()) for path in sorted(DOCS.glob("*.md"))}


def page(source: Path, markdown: str) -> str:
    """Return the page for a Markdown file.

    Raises PageError on what this does not know.
    """
    tree = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(markdown))
    head = f".. Written by scripts/docsite.py from docs/{source.name}.\n\n.. _{LABEL}{source.stem}:"
    return "\n\n".join([head, *blocks(tree.children, source)]) + "\n"


def blocks(nodes: Iterable[SyntaxTreeNode], source: Path) -> list[str]:
    """Return block elements, without the empty lines between them."""
    return [block(node, source) for node in nodes]


def block(node: SyntaxTreeNode, source: Path) -> str:
    """Return a heading, a paragraph, a list, a table or a piece of code."""
    if node.type == "heading" and node.tag in UNDERLINES:
        title = inline(node.children[0], source)
        return f"{title}\n{UNDERLINES[node.tag] * len(title)}"
    if node.type == "paragraph":
        return inline(node.children[0], source)
    if node.type in ("bullet_list", "ordered_list"):
        mark = "- " if node.type == "bullet_list" else "#. "
        items = ("\n\n".join(blocks(item.children, source)) for item in node.children)
        return "\n".join(mark + indent(item, " " * len(mark)).lstrip() for item in items)
    if node.type == "fence":
        return f".. code-block:: {node.info or 'text'}\n\n{indent(node.content, '   ')}".rstrip()
    if node.type == "table":
        rows = [row for part in node.children for row in part.children]
        cells = [[inline(cell.children[0], source) for cell in row.children] for row in rows]
        lines = [f"   {'  -' if number else '* -'} {cell}".rstrip() for row in cells for number, cell in enumerate(row)]
        return "\n".join([".. list-table::", "   :header-rows: 1", "   :widths: auto", "", *lines])
    raise unknown(node, source)


def inline(node: SyntaxTreeNode, source: Path) -> str:
    """Return a line of text with its markup."""
    text = ""
    after_markup = False
    for child in node.children:
        if child.type == "text":
            piece = escape(child.content)
        elif child.type == "softbreak":
            piece = "\n"
        else:
            piece = markup(child, source)
        markup_begins = child.type not in ("text", "softbreak")
        if (after_markup and piece[:1] not in AFTER) or (markup_begins and text[-1:] not in BEFORE):
            text += "\\ "
        text += piece
        after_markup = markup_begins
    return text


def markup(node: SyntaxTreeNode, source: Path) -> str:
    """Return code, emphasis or a link. reStructuredText has no markup within these."""
    if node.type == "code_inline":
        return f"``{node.content}``"
    if node.type in ("strong", "em"):
        mark = "**" if node.type == "strong" else "*"
        return f"{mark}{plain(node, source)}{mark}"
    if node.type == "link":
        return link(str(node.attrs["href"]), plain(node, source), source)
    raise unknown(node, source)


def link(target: str, text: str, source: Path) -> str:
    """Return a link: to another page, or to a file in the repository, or out of it."""
    if re.match("https?:", target):
        return f"`{text} <{target}>`__"
    name, _hash, fragment = target.partition("#")
    path = (source.parent / name).resolve()
    if not name or not path.exists() or not path.is_relative_to(ROOT):
        raise PageError(f"docs/{source.name}: {target} is no link to a file in the repository")
    if path.parent == DOCS and path.suffix == ".md":
        return f":ref:`{text} <{LABEL}{path.stem}>`"
    return f"`{text} <{REPOSITORY}/blob/main/{path.relative_to(ROOT)}{'#' if fragment else ''}{fragment}>`__"


def plain(node: SyntaxTreeNode, source: Path) -> str:
    """Return text without its markup."""
    for child in node.children:
        if child.type not in ("text", "code_inline", "softbreak"):
            raise unknown(child, source)
    return "".join(" " if child.type == "softbreak" else escape(child.content) for child in node.children)


def escape(text: str) -> str:
    """Return text with a backslash before what would be markup."""
    return re.sub(r"[\\*`|<>]|_(?!\w)", r"\\\g<0>", text)


def unknown(node: SyntaxTreeNode, source: Path) -> PageError:
    """Return the error for an element that has no counterpart here."""
    lines = node
    while not lines.map and lines.parent:
        lines = lines.parent
    return PageError(f"docs/{source.name}, line {lines.map[0] + 1 if lines.map else 1}: no page can show this {node.type}")


def main() -> None:
    """Write the pages, and remove those whose Markdown file is gone."""
    written = pages()
    for path in PAGES.glob("*.rst"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (PAGES / name).write_text(text)


if __name__ == "__main__":
    try:
        main()
    except PageError as error:
        sys.exit(str(error))

"""Pages of the documentation, read as a test needs them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


class Section(NamedTuple):
    """What stands under one heading, up to the next one."""

    title: str
    text: str

    def tables(self) -> list[list[list[str]]]:
        """Return the rows of each table, without its heading; backticks are taken off."""
        tables = re.findall(r"^\|.*\n\|(?:-+\|)+\n((?:\|.*\n)*)", self.text, re.MULTILINE)
        return [[_cells(line) for line in table.splitlines()] for table in tables]

    def rows(self) -> list[list[str]]:
        """Return the rows of its first table, or nothing when there is none."""
        return next(iter(self.tables()), [])

    def examples(self) -> list[dict[str, Any]]:
        """Return its JSON examples."""
        blocks = re.findall(r"^```json\n(.*?)^```", self.text, re.MULTILINE | re.DOTALL)
        return [json.loads(block) for block in blocks]


def page(name: str) -> Section:
    """Return a whole page of the reference."""
    return Section(name, (REFERENCE / f"{name}.md").read_text(encoding="utf-8"))


def sections(name: str) -> dict[str, Section]:
    """Return the sections of a page of the reference by their headings."""
    parts = re.split(r"^#+ (.*)\n", page(name).text, flags=re.MULTILINE)
    titles = [title.strip("`") for title in parts[1::2]]
    return {t: Section(t, text) for t, text in zip(titles, parts[2::2], strict=True)}


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _cells(line: str) -> list[str]:
    return [_plain(cell.strip()) for cell in line.strip().strip("|").split(" | ")]


def _plain(cell: str) -> str:
    whole = re.fullmatch(r"`([^`]*)`", cell)
    return whole.group(1) if whole else cell

#!/usr/bin/env python3
"""Checks README.md, CHANGELOG.md, CONTRIBUTING.md and docs/: figures, decisions, width of lines.

With --write it writes the tables of figures and wraps what is too wide. Needs Python 3.11, nothing else.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = "docs/BENCHMARKS.md"
MARKED = re.compile(r"(<!-- figures: docs/figures\.toml -->\n).*?(<!-- end of figures -->)", re.DOTALL)
NUMBER = re.compile(r"\d[\d.,]*\d|\d")
COMMIT = re.compile(r"\b[0-9a-f]{7,40}\b")
# Names of tests, longer than those of anything else in code style.
TEST = re.compile(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+){3,})`")
FUNCTION = re.compile(r"\bfn ([a-z0-9_]+)")
# What the gate takes, and what is aimed at.
MOST_COLUMNS, COLUMNS = 120, 116
# What would be a list, a heading or a quotation at the beginning of a line.
OPENS = re.compile(r" (?=(?:[-+*>#]|\d+[.)])(?:\s|$))")


def documents() -> list[Path]:
    """All prose that is checked."""
    names = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
    return [*(ROOT / name for name in names), *sorted((ROOT / "docs").rglob("*.md"))]


def figures() -> list[dict]:
    """docs/figures.toml."""
    return tomllib.loads((ROOT / "docs" / "figures.toml").read_text())["figure"]


def table(name: str) -> str:
    """The table of figures of a document: benchmarks say how each was measured."""
    full = name == BENCHMARKS
    lines = ["| what | figures | command | commit, date |", "|---|---|---|---|"] if full else ["| | |", "|---|---|"]
    for one in figures():
        cells = [one["what"], ", ".join(f"{value} {unit}" for value, unit in one["values"])]
        lines.append(
            "| "
            + " | ".join([*cells, f"`{one['command']}`", f"{one['commit']}, {one['date']}"] if full else cells)
            + " |"
        )
    return "\n".join(lines) + "\n"


def rendered(path: Path) -> str:
    """A document with its table of figures, if it has one, as the figures are."""
    name = str(path.relative_to(ROOT))
    return MARKED.sub(lambda marked: marked[1] + table(name) + marked[2], path.read_text())


def figure_faults() -> Iterator[str]:
    """Figures without evidence, and numbers that are not in it."""
    for one in figures():
        source = ROOT / one.get("source", BENCHMARKS)
        text = MARKED.sub("", source.read_text())
        flat = " ".join(text.split())
        for line in one["evidence"]:
            if line not in flat:
                yield f"docs/figures.toml: {one['what']}: {source.name} does not say {line!r}"
        known = set(NUMBER.findall(" ".join(one["evidence"])))
        numbers = {number for value, _ in one["values"] for number in NUMBER.findall(value)}
        for number in sorted(numbers - known):
            yield f"docs/figures.toml: {one['what']}: {number} is not in the evidence"


def commit_faults() -> Iterator[str]:
    """Commits that are named and not in the history, where all of the history is here."""
    shallow = git("rev-parse", "--is-shallow-repository")
    if shallow != "false":
        return
    known = set(git("log", "--format=%H").split())
    for path in documents():
        text = path.read_text()
        for name in sorted({name for name in COMMIT.findall(text) if is_commit_like(name, text)}):
            if not any(commit.startswith(name) for commit in known):
                yield f"{path.relative_to(ROOT)}: there is no commit {name}"


def is_commit_like(name: str, text: str) -> bool:
    """Seven hexadecimal digits, letters among them, that are not part of a code or an address."""
    return len(name) == 7 and not name.isdecimal() and f"`{name}" not in text


def git(*arguments: str) -> str:
    """What git says; nothing where there is no repository."""
    found = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def decision_faults() -> Iterator[str]:
    """Decisions without a status and a date."""
    for path in sorted((ROOT / "docs" / "adr").glob("*.md")):
        third = path.read_text().split("\n")[2:3]
        if not re.match(r"Status: .*Date: \d{4}-\d\d-\d\d", "".join(third)):
            yield f"docs/adr/{path.name}: line 3 has to say `Status: …. Date: YYYY-MM-DD.`"


def threat_faults() -> Iterator[str]:
    """Tests that docs/THREATS.md names and that are not there."""
    named = set(TEST.findall((ROOT / "docs" / "THREATS.md").read_text()))
    sources = [path for path in git("ls-files", "*.rs").split("\n") if path]
    known = {name for path in sources for name in FUNCTION.findall((ROOT / path).read_text())}
    # Where there is no repository nothing can be said.
    for name in sorted(named - known) if known else ():
        yield f"docs/THREATS.md: there is no test {name}"


def wrapped(text: str) -> str:
    """Prose with no line wider than it may be; code, tables, headings and HTML are left alone."""
    lines: list[str] = []
    paragraph: list[str] = []
    fenced = False
    for line in [*text.split("\n")[:-1], ""]:
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        is_prose = not (fenced or fence or not line.strip() or line.lstrip().startswith(("|", "#", "<", "!")))
        if not is_prose or re.match(r"\s*([-*]|\d+\.) ", line):
            lines += refilled(paragraph)
            paragraph = []
        (paragraph if is_prose else lines).append(line)
    return "\n".join(lines[:-1]) + "\n"


def refilled(paragraph: list[str]) -> list[str]:
    """A paragraph or an item of a list; as it is if no line is too wide."""
    if all(len(line) <= MOST_COLUMNS for line in paragraph):
        return paragraph
    first = re.match(r"\s*(?:(?:[-*]|\d+\.) )?", paragraph[0])
    indent = first[0] if first else ""
    text = " ".join(line.strip() for line in [paragraph[0][len(indent) :], *paragraph[1:]])
    # Spaces within code, and before what would open something else, stay.
    text = OPENS.sub("\0", re.sub(r"`[^`]*`", lambda code: code[0].replace(" ", "\0"), text))
    filled = textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in filled]


def document_faults(path: Path) -> Iterator[str]:
    """Tables that differ from the figures, and lines that are too wide."""
    name, text = path.relative_to(ROOT), path.read_text()
    if rendered(path) != text:
        yield f"{name}: the table is not that of docs/figures.toml; run docs/check.py --write"
    if wrapped(text) != text:
        yield f"{name}: lines are wider than {MOST_COLUMNS} columns; run docs/check.py --write"


def main() -> int:
    """Prints what is wrong; 1 if anything is."""
    if sys.argv[1:] not in ([], ["--write"]):
        print("usage: docs/check.py [--write]", file=sys.stderr)
        return 2
    if sys.argv[1:]:
        for path in documents():
            path.write_text(wrapped(rendered(path)))
    faults = [fault for path in documents() for fault in document_faults(path)]
    faults += [*figure_faults(), *commit_faults(), *decision_faults(), *threat_faults()]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())

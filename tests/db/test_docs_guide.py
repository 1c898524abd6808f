"""The operator's guide says what the code says: its messages, classes, codes, pictures and links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from dev.guide.browser import MOST_BYTES
from dev.stack.airflow import REPOSITORY
from include.bigmeter import errors
from include.bigmeter.source import failures as source_failures
from include.bigmeter.store import failures as store_failures

DOCS = REPOSITORY / "docs"
GUIDE = (DOCS / "operators-guide.md").read_text(encoding="utf-8")
RECORD = (DOCS / "provoked.md").read_text(encoding="utf-8")
CODE = REPOSITORY / "include" / "bigmeter"
BASES = {"BigmeterError"}
PLACEHOLDER = "…"
FEWEST_LETTERS = 12


NODES = [
    list(ast.walk(ast.parse(path.read_text(encoding="utf-8")))) for path in sorted(CODE.rglob("*.py"))
]  # of each module


@cache
def _error_classes() -> set[str]:
    """Return the names of all our error classes, wherever they are defined."""
    parents = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for nodes in NODES
        for node in nodes
        if isinstance(node, ast.ClassDef)
    }
    found = set(BASES)
    while more := {name for name, bases in parents.items() if bases & found} - found:
        found |= more
    return found


def _text(node: ast.AST) -> str | None:
    """Return a string of the code, with a placeholder for each value that is put into it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else PLACEHOLDER for part in node.values]
        return "".join(str(part) for part in parts)
    return None


def _texts_in(node: ast.AST) -> Iterator[str]:
    """Yield the strings in an expression, whole; how a value is formatted is none."""
    if text := _text(node):
        yield text
        return
    for child in ast.iter_child_nodes(node):
        yield from _texts_in(child)


def _messages() -> Iterator[str]:
    """Yield every text with which one of our errors is made, also where it is first put behind a subject."""
    classes = _error_classes()
    for nodes in NODES:
        names = classes | {
            alias.asname
            for node in nodes
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.name in classes and alias.asname
        }
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                texts = [text for argument in node.args for text in _texts_in(argument)]
                yield from (text for text in texts if _letters(text) >= FEWEST_LETTERS)


def _letters(text: str) -> int:
    return len(text.replace(PLACEHOLDER, "").strip(" :;().,"))


def _pieces(text: str) -> list[str]:
    return [piece for part in text.split(PLACEHOLDER) if (piece := part.strip(" :;()"))]


def _fits(quoted: str, said: str) -> bool:
    """Say whether the pieces of a quotation stand in a text, in their order."""
    place = 0
    for piece in _pieces(quoted):
        place = said.find(piece, place)
        if place < 0:
            return False
        place += len(piece)
    return True


def _first_cells() -> list[str]:
    rows = re.findall(r"^\| (.+?) \| ", GUIDE.split("\n## The classes of failure\n")[1], re.MULTILINE)
    return [row for row in rows if "`" in row]


QUOTED = sorted({quoted for cell in _first_cells() for quoted in re.findall(r"`([^`]+)`", cell)})
STRINGS = sorted({text for nodes in NODES for node in nodes if (text := _text(node))})
MESSAGES = sorted(set(_messages()))


def test_the_guide_quotes_messages_and_the_code_has_them() -> None:
    assert len(QUOTED) > 100
    assert len(MESSAGES) > 90


@pytest.mark.parametrize("quoted", QUOTED)
def test_each_quoted_message_really_occurs_in_the_code(quoted: str) -> None:
    assert any(_fits(quoted, text) for text in STRINGS)


@pytest.mark.parametrize("message", MESSAGES)
def test_each_message_that_an_error_can_carry_is_in_the_guide(message: str) -> None:
    fitting = [quoted for quoted in QUOTED if _letters(quoted) >= FEWEST_LETTERS and _fits(quoted, message)]
    assert fitting, "add a line to docs/operators-guide.md"


@pytest.mark.parametrize("words", [*store_failures._CONFIGURATION.values(), *store_failures._UNAVAILABLE.values()])
def test_each_state_of_postgresql_is_in_the_guide(words: str) -> None:
    assert re.split(r"[:(]", words)[0].strip() in " ".join(GUIDE.split())


@pytest.mark.parametrize(
    "code",
    [
        *sorted(source_failures.TRANSIENT_CODES),
        *source_failures.REFUSED_CODES,
        *source_failures.CONNECTION_CODES,
        *store_failures._UNAVAILABLE,
        *store_failures._UNAVAILABLE_CLASSES,
    ],
)
def test_each_code_that_is_classified_is_in_the_guide(code: str) -> None:
    assert code in GUIDE


@pytest.mark.parametrize("category", get_args(errors.Category))
def test_each_category_has_a_section_and_a_line_in_the_table(category: str) -> None:
    assert f"\n### {category}\n" in GUIDE
    assert f"| [*{category}*](#{category}) |" in GUIDE


@pytest.mark.parametrize("name", sorted(_error_classes()))
def test_each_error_class_is_named_in_the_guide(name: str) -> None:
    assert f"`{name}`" in GUIDE


def test_the_delays_of_the_retries_are_those_of_the_code() -> None:
    retries = ast.parse((CODE / "tasks" / "retries.py").read_text(encoding="utf-8"))
    (windows,) = [
        ast.literal_eval(node.value)
        for node in retries.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DELAY_WINDOWS_S"
    ]
    minutes = [f"{first // 60}–{last // 60}" for first, last in windows]
    assert f"{', '.join(minutes[:-1])} and {minutes[-1]} minutes later, four tries" in GUIDE
    assert len(windows) == 3


PROVOKED = re.findall(r"^\| (?!what went|---)(.+?) \| (.+) \|$", RECORD, re.MULTILINE)


SAID_OF_A_CLASS = {
    "configuration": "is not a month",
    "unavailable": "Oracle cannot answer now",
    "refused": "Oracle refuses with",
    "contract": "PostgreSQL refuses a row",
    "incomplete": "customers in Oracle, fewer than",
    "unexpected": "Oracle failed with",
}


@pytest.mark.parametrize("category", get_args(errors.Category))
def test_each_class_was_provoked(category: str) -> None:
    assert any(SAID_OF_A_CLASS[category] in said for _, said in PROVOKED)
    assert len(PROVOKED) >= 30


@pytest.mark.parametrize(("how", "said"), PROVOKED, ids=[how for how, _ in PROVOKED])
def test_what_was_provoked_is_in_the_guide(how: str, said: str) -> None:
    states = {"scheduled": "*Scheduled*", "queued": "*Queued*", "up_for_retry": "*Up For Retry*"}
    if said in states:
        assert states[said] in GUIDE
    else:
        quotations = re.findall(r"`([^`]+)`", GUIDE)
        assert any(_letters(quoted) >= FEWEST_LETTERS and _fits(quoted, said) for quoted in quotations)


def test_each_picture_is_shown_and_each_that_is_shown_is_there() -> None:
    shown = set(re.findall(r"!\[[^\]]+\]\(screenshots/([\w-]+\.png)\)", GUIDE))
    pictures = {path.name: path for path in (DOCS / "screenshots").glob("*")}
    assert shown == set(pictures)
    for path in pictures.values():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size <= MOST_BYTES


@pytest.mark.parametrize("page", ["operators-guide.md", "consumers.md", "data-dictionary.md", "provoked.md"])
def test_each_link_leads_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    for link in links:
        file, _, anchor = link.partition("#")
        target = DOCS / file if file else DOCS / page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def _anchors(page: Path) -> set[str]:
    """Return the anchors that a Markdown page gets, by GitHub's rule."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {_anchor(heading) for heading in headings}


def _anchor(heading: str) -> str:
    kept = [letter for letter in heading.lower() if letter.isalnum() or letter in " -_" or _is_thai(letter)]
    return "".join(kept).replace(" ", "-")


def _is_thai(letter: str) -> bool:
    return "\u0e00" <= letter <= "\u0e7f"

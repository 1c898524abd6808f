"""What of a statement's text is a literal, a quoted name or a comment, so that the rest of it can be changed."""

from __future__ import annotations

import re

from dev.oracle_standin.dialect.errors import ora

_LEXEMES = re.compile(
    r"(?P<q>(?<![\w$#])[nN]?[qQ]'(?:\[.*?\]'|\{.*?\}'|\(.*?\)'|<.*?>'|(?P<d>[^\s\[{(<]).*?(?P=d)'))"
    r"|(?P<string>'(?:[^']|'')*')"
    r'|(?P<name>"[^"]*")'
    r"|(?P<line>--[^\n]*)"
    r"|(?P<block>/\*.*?\*/)"
    r"|(?P<open>'|\"|/\*)",
    re.DOTALL,
)


def without_hints(sql: str) -> str:
    """Return the text with hints made comments, every offset kept.

    :raises OracleError: ORA-01756, ORA-01740 for what is opened and never closed.
    """
    out: list[str] = []
    at = 0
    for match in _LEXEMES.finditer(sql):
        if match["open"]:
            opened = {"'": 1756, '"': 1740}.get(match["open"], 933)
            raise ora(opened, position=match.start())
        text = match[0]
        if match["block"] and text.startswith("/*+"):
            text = "/* " + text[3:]
        out += (sql[at : match.start()], text)
        at = match.end()
    return "".join(out) + sql[at:]


def heading(source: str, span: tuple[int, int]) -> str:
    """Return the column name that Oracle gives an expression: its text in upper case without blanks, literals too."""
    text = source[span[0] : span[1]]
    out: list[str] = []
    at = 0
    for match in _LEXEMES.finditer(text):
        out.append(_packed(text[at : match.start()]))
        if match["name"]:
            out.append(match[0])
        elif not (match["line"] or match["block"]):
            out.append(_packed(match[0]))
        at = match.end()
    return "".join(out) + _packed(text[at:])


def _packed(text: str) -> str:
    return "".join(text.split()).upper()

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

_EXPONENT_AND_SIGN = re.compile(r"(?<![\w$#.])(?:\d+(?:\.\d*)?|\.\d+)[eE][+-]?\d+(?=[+-])")


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


def ends_of_exponents(sql: str) -> list[int]:
    """Return where a number with an exponent ends and a sign follows at once, as in ``1e2+1``."""
    ends: list[int] = []
    at = 0
    for start, end in [*(match.span() for match in _LEXEMES.finditer(sql)), (len(sql), len(sql))]:
        ends += (match.end() for match in _EXPONENT_AND_SIGN.finditer(sql, at, start))
        at = end
    return ends


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

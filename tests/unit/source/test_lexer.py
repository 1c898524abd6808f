"""Tokens of Oracle SQL."""

from __future__ import annotations

import random

import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.rewriting.lexer import Kind, split_tokens

HARD_TEXTS = [
    "",
    "SELECT 1 FROM dual",
    "select/*+ FULL(t) */a--+ hint\r\n,b from t;\r\n/\r\n",
    "SELECT 'it''s', n'ไทย', q'[it's ; -- not]', Q'{a}b}', nq'!x'y!', NQ'<<a>>' FROM dual",
    'SELECT "FROM", t."ก--ข/*" FROM "SELECT" t',
    'SELECT 1.5e-3f, .5, 1., 12d, 1e5 FROM t$x#1 WHERE a<>:b AND c!=:1 AND d=:"Quoted"',
    "SELECT ชื่อผู้ใช้น้ำ, เลขที่ FROM ตาราง WHERE ก='๑๒'",
    "SELECT a||b, a:=b, x.y(+), @link, &sub FROM t /* /* not nested */",
    "\ufeffSELECT\u00a01\tFROM\x0bdual",
]
PIECES = [
    "SELECT", "from", " ", "\n", "\r\n", "\t", "'a''b'", "q'[x]y]'", "nq'(;)'", '"Q u"', "/* c */", "/*+ h */",
    "-- c\n", ":B1",
    ':"b"', "12", "1.5e3", ".5", "(", ")", ",", ";", "||", "<=", "ชื่อ", "a$#_1", "*", "/", "-", ".", ":",
]  # fmt: skip


def kinds(text: str) -> list[tuple[Kind, str]]:
    return [(token.kind, token.text) for token in split_tokens(text) if token.kind is not Kind.SPACE]


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_the_tokens_joined_are_the_text(text: str) -> None:
    tokens = split_tokens(text)
    assert "".join(token.text for token in tokens) == text
    assert [token.index for token in tokens] == list(range(len(tokens)))


def test_the_tokens_joined_are_the_text_for_two_thousand_random_texts() -> None:
    chance = random.Random(20251016)  # noqa: S311 - the same texts every time
    lexed = 0
    for _ in range(2000):
        text = "".join(chance.choices(PIECES, k=chance.randint(1, 30)))
        try:
            tokens = split_tokens(text)
        except ConfigError:  # two pieces happened to open a comment: "/" and "*"
            assert "/*" in text
            continue
        lexed += 1
        assert "".join(token.text for token in tokens) == text
    assert lexed > 1500


@pytest.mark.parametrize(
    "literal",
    [
        "'plain'", "'it''s'", "''", "n'nation'", "N'x'", "q'[a]b]'", "q'{a'b}'", "Q'(;)'", "q'<-->'", "q'!it's!'",
        "nq'[it's]'", "Nq'|/*|'", "q'#it's#'", "'two\nlines'", "'/*__CUSTCODE_FILTER__*/'",
    ],
)  # fmt: skip
def test_each_of_oracles_quotings_is_one_string(literal: str) -> None:
    assert kinds(f"x {literal} y") == [(Kind.WORD, "x"), (Kind.STRING, literal), (Kind.WORD, "y")]


def test_a_name_that_ends_in_q_is_no_quoting() -> None:
    assert kinds("seq'a'") == [(Kind.WORD, "seq"), (Kind.STRING, "'a'")]


def test_a_quoted_name_may_hold_what_would_be_a_comment() -> None:
    assert kinds('"a--b" "/*"') == [(Kind.QUOTED_NAME, '"a--b"'), (Kind.QUOTED_NAME, '"/*"')]


def test_a_thai_name_is_one_word_with_its_vowel_signs() -> None:
    assert kinds("เลขที่ผู้ใช้น้ำ,") == [(Kind.WORD, "เลขที่ผู้ใช้น้ำ"), (Kind.SYMBOL, ",")]


def test_a_colon_before_a_blank_is_no_bind() -> None:
    assert kinds(":A :1 : b") == [
        (Kind.BIND, ":A"),
        (Kind.BIND, ":1"),
        (Kind.SYMBOL, ":"),
        (Kind.WORD, "b"),
    ]


def test_a_number_does_not_swallow_the_word_behind_it() -> None:
    assert kinds("200rows") == [(Kind.NUMBER, "200"), (Kind.WORD, "rows")]
    assert kinds("1d,2.5F") == [(Kind.NUMBER, "1d"), (Kind.SYMBOL, ","), (Kind.NUMBER, "2.5F")]


def test_a_comment_ends_at_the_first_end_mark() -> None:
    assert kinds("/* a /* b */ c") == [(Kind.COMMENT, "/* a /* b */"), (Kind.WORD, "c")]


def test_lines_are_counted_through_strings_and_comments() -> None:
    tokens = split_tokens("a /* 1\n2 */ 'x\ny' -- z\r\nlast")
    assert tokens[-1].text == "last"
    assert tokens[-1].line == 4


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a\n'b", "line 2: a string begins"),
        ("q'[a'", "line 1: a string begins"),
        ('a "b', "line 1: a quoted name begins"),
        ("a /* b", "line 1: a comment begins"),
    ],
)
def test_what_has_no_end_is_named_with_its_line(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        split_tokens(text)

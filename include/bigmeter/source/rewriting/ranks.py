"""Ranks: numbers that a query gives its rows in order, by which a condition limits the rows as FETCH FIRST does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from include.bigmeter.source.rewriting.blocks import Block
from include.bigmeter.source.rewriting.lineage import Lineage
from include.bigmeter.source.rewriting.spans import Reference, Span
from include.bigmeter.source.rewriting.statement import Statement

_RANKS = ("ROW_NUMBER", "RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST", "NTILE")
_RUNNING = ("COUNT", "SUM")  # with an ORDER BY in their window they count the rows so far
_IS_FIRST = (["=", "1"], ["<", "=", "1"], ["<", "2"])
_FIRST_IS = (["1", "="], ["1", ">", "="], ["2", ">"])
_COMPARISON = frozenset("=<>!^")
_TURNED = {"<": ">", ">": "<"}
_SEE_LABELS = ("HAVING", "QUALIFY")  # the clauses that may name what the block selects
_ARITHMETIC = frozenset("+-*/|")
_AFTER_PARTITION = ("ORDER", "ROWS", "RANGE", "GROUPS")


@dataclass(frozen=True, slots=True)
class Rank:
    """One rank: the SELECT that gives it, and the keys of its PARTITION BY; without keys it is over all rows.

    ``is_bare`` says that it is read as it was given, not within another expression.
    """

    block: Block
    partition: tuple[Span, ...]
    is_bare: bool = True


@dataclass(frozen=True, slots=True)
class Mention:
    """A place that gives ranks or reads them."""

    span: Span
    ranks: tuple[Rank, ...]
    is_rownum: bool = False


class Ranks:
    """The ranks of a statement, found through inline views, WITH queries, renames and stars."""

    def __init__(self, sql: Statement, lineage: Lineage) -> None:
        self._sql = sql
        self._lineage = lineage
        self._found: dict[tuple[Block, Span], tuple[Rank, ...]] = {}

    def iter_mentions(self, block: Block, span: Span) -> Iterator[Mention]:
        """Yield where ranks are given or read in a span of a block; what its subqueries give themselves is theirs."""
        subqueries = [child.span for child in block.children]
        calls = [call for call in self._iter_calls(block, span) if not _is_in(call.span, subqueries)]
        yield from calls
        for reference in self._sql.iter_references(span):
            is_outside = _is_in(reference.span, subqueries)
            if _is_in(reference.span, [call.span for call in calls]) or (is_outside and reference.qualifier is None):
                continue
            if self._sql.is_word(reference.span[0], "ROWNUM") and reference.qualifier is None:
                yield Mention(reference.span, (Rank(block, ()),), is_rownum=True)
            elif ranks := self._read_by(block, reference):
                yield Mention(reference.span, ranks)

    def picks_first(self, mention: Mention) -> bool:
        """Say whether a condition keeps only the rows of rank 1, as ``= 1``, ``<= 1`` and ``< 2`` do."""
        start, end = mention.span
        texts = [token.text for token in self._sql.tokens]
        spans = [(start, end + len(signs)) for signs in _IS_FIRST if texts[end : end + len(signs)] == signs]
        spans += [(start - len(signs), end) for signs in _FIRST_IS if texts[start - len(signs) : start] == signs]
        is_whole = any(_ARITHMETIC.isdisjoint([texts[begin - 1], *texts[stop : stop + 1]]) for begin, stop in spans)
        return is_whole and all(rank.is_bare for rank in mention.ranks)

    def leaves_out_first(self, mention: Mention) -> bool:
        """Say whether a condition leaves out the rows of rank 1, as ``= 2``, ``> 1`` and ``<> 1`` do."""
        start, end = mention.span
        texts = [token.text for token in self._sql.tokens]
        signs, number = _signs(texts[end : end + 3])
        if not signs:
            turned, number = _signs(texts[max(start - 3, 0) : start][::-1])
            signs = "".join(_TURNED.get(sign, sign) for sign in reversed(turned))
        if signs in ("<>", "!=", "^="):
            return number == 1
        least = {"=": 2, ">": 1, ">=": 2}.get(signs)
        return least is not None and number is not None and number >= least

    def is_within_customer(self, rank: Rank) -> bool:
        """Say whether a rank begins anew with each customer: a condition on it leaves each customer a row."""
        return any(self._lineage.is_customer(rank.block, key) for key in rank.partition)

    def _read_by(self, block: Block, reference: Reference) -> tuple[Rank, ...]:
        found = self._lineage.follow(block, reference.qualifier, reference.name)
        parts = found[1].parts if found is not None else ()
        if found is None and reference.qualifier is None and block.clause_at(reference.span[0]) in _SEE_LABELS:
            parts = tuple((block, item.expression) for item in block.items if item.label == reference.name)
        return tuple(rank for part in parts for rank in self._in_expression(*part))

    def _in_expression(self, block: Block, span: Span) -> tuple[Rank, ...]:
        if (block, span) not in self._found:
            self._found[block, span] = ()  # a recursive query that reads its own column
            self._found[block, span] = tuple(
                rank if mention.span == span else replace(rank, is_bare=False)
                for mention in self.iter_mentions(block, span)
                for rank in mention.ranks
            )
        return self._found[block, span]

    def _iter_calls(self, block: Block, span: Span) -> Iterator[Mention]:
        """Yield the calls of analytic functions that rank, each with its OVER."""
        sql = self._sql
        for place in range(*span):
            if not (sql.is_word(place, *_RANKS, *_RUNNING) and sql.is_symbol(place + 1, "(")):
                continue
            over = sql.closing[place + 1] + 1
            if not sql.is_word(over, "OVER"):
                continue
            end = sql.closing.get(over + 1, over + 1) + 1
            window = self._window(block, (over + 1, end))
            if sql.is_word(place, *_RANKS) or any(sql.first_word(part, "ORDER") is not None for part in window):
                yield Mention((place, end), (Rank(block, tuple(self._partition(window))),))

    def _window(self, block: Block, span: Span, seen: tuple[str, ...] = ()) -> list[Span]:
        """Return what stands in the brackets of a window, and in those of the windows that it names."""
        inside = self._sql.contents(*span)
        parts = [] if inside is None else [inside]
        name = self._sql.tokens[(inside or span)[0]].name
        for definition in self._sql.split_list(block.clauses["WINDOW"]) if "WINDOW" in block.clauses else ():
            if name is not None and name not in seen and self._sql.tokens[definition[0]].name == name:
                parts += self._window(block, (definition[0] + 2, definition[1]), (*seen, name))
        return parts

    def _partition(self, window: list[Span]) -> Iterator[Span]:
        for start, end in window:
            place = self._sql.first_word((start, end), "PARTITION")
            if place is not None:
                stop = self._sql.first_word((place, end), *_AFTER_PARTITION)
                for key in self._sql.split_list((place + 2, end if stop is None else stop)):
                    yield from self._sql.split_list(self._sql.contents(*key) or key)


def _is_in(span: Span, others: list[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in others)


def _signs(texts: Sequence[str]) -> tuple[str, int | None]:
    """Return the comparison that tokens begin with, and the whole number behind it."""
    signs = "".join(itertools.takewhile(_COMPARISON.issuperset, texts))
    rest = texts[len(signs) :]
    return (signs, int(rest[0])) if signs and rest and rest[0].isdecimal() else ("", None)

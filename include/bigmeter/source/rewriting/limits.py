"""Row limits: taken out where a plain one would hide customers, refused where it cannot be taken out.

A limit is FETCH FIRST, OFFSET, ROWNUM, or a condition on a rank. What hides nobody stays: the pick of one row by a
query that is only looked up, what is evaluated for each customer, and a rank that begins anew with each customer.
"""

from __future__ import annotations

from collections.abc import Sequence

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.rewriting.blocks import Block, Query, Role
from include.bigmeter.source.rewriting.draft import MARKER, Draft
from include.bigmeter.source.rewriting.flow import Flow, Need
from include.bigmeter.source.rewriting.ranks import Mention, Rank, Ranks


def drop_monthly_limits(draft: Draft, flow: Flow, filtered: Sequence[Block]) -> None:
    """Take the limits out of the filtered blocks and of those round them; refuse those that feed them."""
    limits = _Limits(draft, flow)
    round_queries: set[Query] = set()
    for block in filtered:
        flow.collect_round(block.query, round_queries)
    operands: list[Block | Query] = []
    for query in sorted(round_queries, key=lambda query: query.span):
        limits.drop(query)
        operands += query.operands
        for block in limits.blocks(query):
            limits.check_rownum(block)
            limits.check_ranks(block, need=Need.ROWS, is_feeding=False)
    feeds = [feed for operand in operands for feed in flow.iter_feeds(operand)]
    for query, need in flow.iter_feeding(feeds, round_queries):
        limits.refuse_feeding(query, need=need)


def drop_yearly_limits(draft: Draft, flow: Flow) -> None:
    """Take the limits out of the outer query and of those on which its rows depend.

    A limit counts rows, a cohort counts customers, and a customer can come in several rows: so the limit of an
    inner query would leave too few as well. One row is not a top list but a look-up, and stays.
    """
    limits = _Limits(draft, flow)
    for query, need in flow.iter_feeding([(draft.sql.whole, Need.ROWS)], set()):
        if not limits.may_stay(query, need=need):
            if need is Need.TESTED and query.limit is not None:
                raise ConfigError(
                    f"line {query.limit.line}: a row limit in what a condition asks would hide customers; leave it out"
                )
            limits.drop(query, is_pick_kept=query.role not in (Role.WHOLE, Role.OPERAND))
        for block in limits.blocks(query):
            if need is Need.ROWS:
                limits.check_rownum(block)
            limits.check_ranks(block, need=need, is_feeding=False)


class _Limits:
    """The limits of a draft's queries."""

    def __init__(self, draft: Draft, flow: Flow) -> None:
        self._draft = draft
        self._sql = draft.sql
        self._flow = flow
        self._ranks = Ranks(draft.sql, flow.lineage)

    def blocks(self, query: Query) -> list[Block]:
        """Return the SELECTs of a query that stand in no brackets."""
        return [operand for operand in query.operands if isinstance(operand, Block)]

    def may_stay(self, query: Query, *, need: Need) -> bool:
        """Say whether the FETCH FIRST or OFFSET of a query hides nobody."""
        if query.role is Role.LOOKUP and self._flow.is_correlated(query):
            return True
        is_pick = query.limit is not None and query.limit.is_one_row and query.offset_line is None
        return (need is not Need.ROWS and is_pick) or self._flow.is_of_one_customer(query)

    def drop(self, query: Query, *, is_pick_kept: bool = False) -> None:
        """Take a query's FETCH FIRST out; refuse one that is more than a number of rows, and OFFSET."""
        if query.offset_line is not None:
            raise _undroppable(query.offset_line, "OFFSET")
        if query.limit is None:
            return
        if query.limit.oddity is not None:
            raise _undroppable(query.limit.line, f"FETCH with {query.limit.oddity}")
        if not (is_pick_kept and query.limit.is_one_row):
            self._draft.remove(query.limit.span)

    def check_rownum(self, block: Block) -> None:
        """Refuse ROWNUM."""
        if block.rownum_line is not None:
            raise _undroppable(block.rownum_line, "ROWNUM")

    def refuse_feeding(self, query: Query, *, need: Need) -> None:
        """Refuse any limit of a query that feeds the filtered one."""
        line = None
        if not self.may_stay(query, need=need):
            line = query.limit.line if query.limit is not None else query.offset_line
        if line is None and need is Need.ROWS and not self._flow.is_of_one_customer(query):
            line = next((block.rownum_line for block in self.blocks(query) if block.rownum_line is not None), None)
        if line is not None:
            raise ConfigError(
                f"line {line}: a row limit in a query that feeds the filtered one would hide customers; "
                f"put {MARKER} inside that query"
            )
        for block in self.blocks(query):
            self.check_ranks(block, need=need, is_feeding=True)

    def check_ranks(self, block: Block, *, need: Need, is_feeding: bool) -> None:
        """Refuse conditions on a rank that would hide customers, wherever the rank is given."""
        for condition, is_binding in self._flow.iter_conditions(block):
            for mention in self._ranks.iter_mentions(block, condition):
                if mention.is_rownum and (need is Need.ROWS or block.query.role is Role.LOOKUP):
                    continue  # where it matters it is refused without regard to what is made of it
                if (need is not Need.ROWS or not is_binding) and self._ranks.picks_first(mention):
                    continue
                if need is Need.ROWS and is_binding and self._ranks.leaves_out_first(mention):
                    raise self._left_out_by(mention)
                for rank in mention.ranks:
                    if not (self._ranks.is_within_customer(rank) or self._flow.is_of_one_customer(rank.block.query)):
                        raise self._hidden_by(mention, rank, is_feeding=is_feeding)

    def _left_out_by(self, mention: Mention) -> ConfigError:
        line = self._sql.tokens[mention.span[0]].line
        return ConfigError(
            f"line {line}: a condition on a rank leaves out the first row, and with it each customer that has but one; "
            "write that the rank is 1, or leave it out"
        )

    def _hidden_by(self, mention: Mention, rank: Rank, *, is_feeding: bool) -> ConfigError:
        start, end = mention.span
        line = self._sql.tokens[start].line
        is_call = self._sql.is_symbol(start + 1, "(")
        name = f"{self._sql.tokens[start].text}()" if is_call else self._sql.text((start, end))
        if rank.partition:
            return ConfigError(
                f"line {line}: a condition on {name}, a rank within groups of several customers, would hide customers; "
                "leave it out, PARTITION BY CUST_CODE or CUST_ID, or LEFT JOIN a look-up ON its rank = 1"
            )
        if is_feeding:
            return ConfigError(
                f"line {line}: a condition on {name}, a rank over all rows that feed the filtered query, would hide "
                f"customers; put {MARKER} where the rank is given, and write FETCH FIRST n ROWS ONLY instead"
            )
        return _undroppable(line, f"a condition on {name}, a rank over all rows,")


def _undroppable(line: int, what: str) -> ConfigError:
    return ConfigError(
        f"line {line}: {what} would hide customers and cannot be taken out; write FETCH FIRST n ROWS ONLY or no limit"
    )

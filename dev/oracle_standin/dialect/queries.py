"""Queries: SELECT blocks, set operations and WITH, in DuckDB's SQL with Oracle's meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from sqlglot import exp

from dev.oracle_standin.dialect.aggregates import GROUP_FUNCTIONS
from dev.oracle_standin.dialect.binds import CountBind, row_count
from dev.oracle_standin.dialect.context import Block, Statement, Subquery
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.expressions import Expressions
from dev.oracle_standin.dialect.function_names import PSEUDO_COLUMNS
from dev.oracle_standin.dialect.functions import SINGLE_ROW_FUNCTIONS
from dev.oracle_standin.dialect.names import Scope, Source, SourceColumn, identifier
from dev.oracle_standin.dialect.parse import heading, name_of, only_args, position_of
from dev.oracle_standin.dialect.terms import (
    NULL,
    Fixed,
    Kind,
    Term,
    of_column,
)

_DUAL = "(SELECT 'X' AS c0)"
_MIRRORED = {exp.LT: exp.GT, exp.GT: exp.LT, exp.LTE: exp.GTE, exp.GTE: exp.LTE, exp.EQ: exp.EQ}


@dataclass(frozen=True, slots=True)
class Limit:
    """How many rows of a block are wanted: DuckDB texts, None where there is no bound."""

    count: str | None = None
    offset: str | None = None
    with_ties: bool = False

    @property
    def sql(self) -> str:
        """LIMIT and OFFSET."""
        limit = f" LIMIT {self.count}" if self.count is not None else ""
        return limit + (f" OFFSET {self.offset}" if self.offset is not None else "")


@dataclass(slots=True)
class _Item:
    name: str
    term: Term
    is_named: bool


@dataclass(slots=True)
class _Where:
    conditions: list[exp.Expr] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)


class Queries:
    """Translates the queries of one statement."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.expressions = Expressions(statement, {**SINGLE_ROW_FUNCTIONS, **GROUP_FUNCTIONS})
        self.expressions.queries = self
        self._views: list[dict[str, tuple[str, Subquery]]] = []

    def subquery(self, node: exp.Expr, outer: Scope | None) -> Subquery:
        """Translate a query inside another, or inside DML."""
        return self._query(node, outer, is_output=False)

    def output(self, node: exp.Expr) -> Subquery:
        """Translate the statement's own query; stored decimals leave it as text, which is read fastest."""
        return self._query(node, None, is_output=True)

    def _query(self, node: exp.Expr, outer: Scope | None, *, is_output: bool) -> Subquery:
        while isinstance(node, (exp.Subquery, exp.Paren)):
            only_args(node, "this")
            node = node.this
        if not isinstance(node, (exp.Select, exp.SetOperation)):
            raise unimplemented(node.key.upper(), position_of(node))
        with_ = node.args.get("with_")
        prefix = self._define_views(with_, outer) if with_ is not None else ""
        try:
            query = (
                self._select(node, outer, is_output=is_output)
                if isinstance(node, exp.Select)
                else self._set_operation(node, outer, is_output=is_output)
            )
        finally:
            if with_ is not None:
                self._views.pop()
        return replace(query, sql=prefix + query.sql)

    def _define_views(self, with_: exp.With, outer: Scope | None) -> str:
        only_args(with_, "expressions")
        self._views.append({})
        definitions: list[str] = []
        for view in with_.expressions:
            only_args(view, "this", "alias")
            alias = view.args["alias"]
            only_args(alias, "this", "columns")
            name = name_of(alias.this, 903)
            if name in self._views[-1]:
                raise ora(955, position=position_of(alias))
            query = self._query(view.this, outer, is_output=False)
            if columns := alias.args.get("columns"):
                if len(columns) != len(query.terms):
                    raise unimplemented("this column list of a WITH", position_of(alias))
                query = replace(query, names=tuple(name_of(column) for column in columns))
            sql_name = self.statement.fresh("w")
            self._views[-1][name] = (sql_name, query)
            definitions.append(f"{sql_name} AS ({query.sql})")
        return f"WITH {', '.join(definitions)} "

    # ---- set operations

    def _set_operation(self, node: exp.SetOperation, outer: Scope | None, *, is_output: bool) -> Subquery:
        only_args(node, "this", "expression", "distinct", "order", "limit", "offset", "with_")
        is_distinct = bool(node.args.get("distinct"))
        word = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}[type(node)]
        if not is_distinct and word != "UNION":
            raise unimplemented(f"{word} ALL", position_of(node.expression))
        for side in (node.this, node.expression):
            if any(side.args.get(key) for key in ("order", "limit", "offset")):
                raise ora(933, position=position_of(side.args.get("order") or side))
        left = self._query(node.this, outer, is_output=False)
        right = self._query(node.expression, outer, is_output=False)
        if len(left.terms) != len(right.terms):
            raise ora(1789, position=position_of(node.this))
        a, b = self.statement.fresh("q"), self.statement.fresh("q")
        lefts, rights, terms = [], [], []
        for one, other in zip(_columns(left, a), _columns(right, b), strict=True):
            texts, typed = self.expressions.same_type([one, other], [node.this, node.expression], 1790)
            lefts.append(texts[0])
            rights.append(texts[1])
            terms.append(replace(typed, is_nullable=one.is_nullable or other.is_nullable))
        union = (
            f"(SELECT {_listed(lefts)} FROM ({left.sql}) AS {a}) {word}{'' if is_distinct else ' ALL'} "
            f"(SELECT {_listed(rights)} FROM ({right.sql}) AS {b})"
        )
        alias = self.statement.fresh("q")
        columns = [replace(term, sql=f"{alias}.c{index}") for index, term in enumerate(terms)]
        order: list[str] = []
        for item in self._order_items(node):
            index = self._ordinal(item.this, left.names, position_of(item))
            order.append(_ordered(columns[index].sql, item))
        limit = self._limit(node, Block(Scope(outer)))
        if limit.with_ties:
            raise unimplemented("WITH TIES of a set operation", position_of(node))
        shown = [_output(term) for term in columns] if is_output else [term.sql for term in columns]
        sql = f"SELECT {_listed(shown)} FROM ({union}) AS {alias}{_order_by(order)}{limit.sql}"
        return Subquery(sql, left.names, tuple(terms))

    def _ordinal(self, node: exp.Expr, names: tuple[str, ...], position: int) -> int:
        if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdigit():
            if 1 <= int(node.this) <= len(names):
                return int(node.this) - 1
        elif isinstance(node, exp.Column) and not node.args.get("table"):
            name = name_of(node.this)
            if names.count(name) == 1:
                return names.index(name)
            if name not in names:
                raise ora(904, f'"{name}"', position=position)
            raise ora(960, position=position)
        raise ora(1785, position=position)

    # ---- one block

    def _select(self, node: exp.Select, outer: Scope | None, *, is_output: bool) -> Subquery:
        only_args(
            node,
            "expressions",
            "from_",
            "joins",
            "where",
            "group",
            "having",
            "order",
            "distinct",
            "limit",
            "offset",
            "with_",
            "hint",
        )
        if node.args.get("from_") is None:
            raise ora(923, position=len(self.statement.source))
        if (distinct := node.args.get("distinct")) is not None:
            only_args(distinct)
        scope = Scope(outer)
        where = self._split_where(node)
        body = self._from(node, scope, where)
        plain = Block(scope)
        conditions = [self.expressions.condition(condition, plain) for condition in where.conditions]
        if conditions:
            body += " WHERE " + " AND ".join(conditions)
        rownum = None
        if where.limits or self._uses_rownum(node):
            body, rownum = self._numbered(body, scope, where.limits)
        block, grouping = self._grouping(node, Block(scope, rownum=rownum))
        items = self._items(node, block)
        body += grouping
        if (having := node.args.get("having")) is not None:
            body += " HAVING " + self.expressions.condition(having.this, replace(block, allows_windows=False))
        limit = self._limit(node, plain)
        return self._finished(node, items, body, block, limit, is_output=is_output)

    def _grouping(self, node: exp.Select, block: Block) -> tuple[Block, str]:
        group = node.args.get("group")
        selected = [*node.expressions, *self._order_items(node)]
        is_grouping = group is not None or node.args.get("having") is not None
        is_grouping = is_grouping or any(self.expressions.has_aggregate(item) for item in selected)
        full = replace(block, allows_aggregates=True, allows_windows=True)
        if not is_grouping:
            return full, ""
        groups: dict[str, Term] = {}
        if group is not None:
            only_args(group, "expressions")
            if not group.expressions:
                raise ora(936, position=len(self.statement.source))
            members = [m for e in group.expressions for m in (e.expressions if isinstance(e, exp.Tuple) else [e])]
            for member in members:
                term = self.expressions.value(member, block)
                groups[term.sql] = replace(term, constant=None, bind=None, is_literal=False)
        grouping = f" GROUP BY {', '.join(groups)}" if groups else ""
        return replace(full, groups=groups, has_group_by=group is not None), grouping

    def _items(self, node: exp.Select, block: Block) -> list[_Item]:
        items: list[_Item] = []
        for expression in node.expressions:
            if isinstance(expression, exp.Star):
                only_args(expression)
                if len(node.expressions) > 1:
                    raise ora(923, position=position_of(expression))
                items += self._starred([], expression, block)
            elif isinstance(expression, exp.Column) and isinstance(expression.this, exp.Star):
                parts = [expression.args.get(key) for key in ("db", "table")]
                items += self._starred([name_of(part) for part in parts if part], expression, block)
            else:
                items.append(self._item(expression, block))
        return items

    def _starred(self, qualifier: list[str], node: exp.Expr, block: Block) -> list[_Item]:
        if block.groups is not None:
            raise ora(979 if block.has_group_by else 937, position=position_of(node))
        return [_Item(c.name, c.term, is_named=True) for c in block.scope.starred(qualifier, node)]

    def _item(self, node: exp.Expr, block: Block) -> _Item:
        if isinstance(node, exp.Alias):
            only_args(node, "this", "alias")
            name, is_named = name_of(node.args["alias"], 923), True
            inner = node.this
        else:
            inner = node
            is_named = isinstance(inner, exp.Column)
            span = node.meta.get("span")
            name = _column_name(inner) if is_named else heading(self.statement.source, span or (0, 0))
        term = self.expressions.value(inner, block)
        if term.kind is Kind.NULL:
            term = replace(NULL, sql="CAST(NULL AS VARCHAR)")
        return _Item(name, term, is_named)

    def _finished(
        self, node: exp.Select, items: list[_Item], body: str, block: Block, limit: Limit, *, is_output: bool
    ) -> Subquery:
        terms = tuple(replace(item.term, constant=None, bind=None, is_literal=False) for item in items)
        names = tuple(item.name for item in items)
        raw = [item.term.sql for item in items]
        is_distinct = node.args.get("distinct") is not None
        order = self._order(node, items, block, is_distinct=is_distinct)
        if is_distinct:
            if limit.with_ties:
                raise unimplemented("WITH TIES of a DISTINCT query", position_of(node))
            alias = self.statement.fresh("q")
            columns = [replace(term, sql=f"{alias}.c{index}") for index, term in enumerate(terms)]
            shown = [_output(term) for term in columns] if is_output else [term.sql for term in columns]
            by = [_ordered(columns[int(key)].sql, item) for key, item in order]
            inner = f"SELECT DISTINCT {_listed(raw)} FROM {body}"
            sql = f"SELECT {_listed(shown)} FROM ({inner}) AS {alias}{_order_by(by)}{limit.sql}"
            return Subquery(sql, names, terms)
        by = [_ordered(key, item) for key, item in order]
        shown = [_output(term) for term in terms] if is_output else raw
        if limit.with_ties and by:
            return Subquery(self._with_ties(shown, body, by, limit), names, terms)
        return Subquery(f"SELECT {_listed(shown)} FROM {body}{_order_by(by)}{limit.sql}", names, terms)

    def _with_ties(self, shown: list[str], body: str, by: list[str], limit: Limit) -> str:
        alias = self.statement.fresh("q")
        over = f"OVER (ORDER BY {', '.join(by)})"
        offset = limit.offset or "0"
        inner = f"SELECT {_listed(shown)}, row_number() {over} AS rn, rank() {over} AS rk FROM {body}"
        columns = ", ".join(f"{alias}.c{index}" for index in range(len(shown)))
        return (
            f"SELECT {columns} FROM ({inner}) AS {alias} WHERE {alias}.rn > {offset} "
            f"AND {alias}.rk <= {offset} + {limit.count} ORDER BY {alias}.rn"
        )

    def _order_items(self, node: exp.Query) -> list[exp.Ordered]:
        order = node.args.get("order")
        if order is None:
            return []
        only_args(order, "expressions")
        if not order.expressions:
            raise ora(936, position=len(self.statement.source))
        for item in order.expressions:
            only_args(item, "this", "desc", "nulls_first")
        return list(order.expressions)

    def _order(
        self, node: exp.Select, items: list[_Item], block: Block, *, is_distinct: bool
    ) -> list[tuple[str, exp.Ordered]]:
        out: list[tuple[str, exp.Ordered]] = []
        aliases = {item.name: item.term for item in items if item.is_named}
        for item in self._order_items(node):
            target = item.this
            if isinstance(target, exp.Literal) and not target.is_string:
                if not (str(target.this).isdigit() and 1 <= int(target.this) <= len(items)):
                    raise ora(1785, position=position_of(item))
                index = int(target.this) - 1
                out.append((str(index) if is_distinct else items[index].term.sql, item))
                continue
            self._check_alias_use(target, items, aliases, block)
            term = self.expressions.value(target, replace(block, aliases=aliases))
            if not is_distinct:
                out.append((term.sql, item))
                continue
            matching = [index for index, each in enumerate(items) if each.term.sql == term.sql]
            if not matching:
                raise ora(1791, position=position_of(item))
            out.append((str(matching[0]), item))
        return out

    def _check_alias_use(self, target: exp.Expr, items: list[_Item], aliases: dict[str, Term], block: Block) -> None:
        for column in target.find_all(exp.Column):
            if column.args.get("table") or isinstance(column.this, exp.Star):
                continue
            name = name_of(column.this) if column.this.args.get("quoted") else str(column.this.this).upper()
            meant = {item.term.sql for item in items if item.is_named and item.name == name}
            if len(meant) > 1:
                raise ora(960, position=position_of(column))
            if meant and column is not target:
                own = [c.term.sql for s in block.scope.sources for c in s.columns if c.name == name]
                if own and set(own) != meant:
                    raise unimplemented("a name that is both an alias and a column, in ORDER BY", position_of(column))
        del aliases

    # ---- how many rows

    def _limit(self, node: exp.Query, block: Block) -> Limit:
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if limit is not None and not isinstance(limit, exp.Fetch):
            raise ora(933, position=max(0, self.statement.source.upper().rfind("LIMIT")))
        skipped = None
        if offset is not None:
            only_args(offset, "expression")
            skipped = self._row_count(offset.expression, block)
        if limit is None:
            return Limit(None, skipped)
        only_args(limit, "direction", "count", "limit_options")
        options = limit.args.get("limit_options")
        with_ties = False
        if options is not None:
            only_args(options, "rows", "with_ties")
            with_ties = bool(options.args.get("with_ties"))
        count = limit.args.get("count")
        return Limit("1" if count is None else self._row_count(count, block), skipped, with_ties)

    def _row_count(self, node: exp.Expr, block: Block, *, is_strict: bool = False) -> str:
        term = self.expressions.number(node, block)
        if isinstance(term.constant, Decimal):
            return str(row_count(term.constant, is_strict=is_strict))
        if term.kind is Kind.NULL:
            return "0"
        if term.bind is None:
            raise unimplemented("a number of rows that is no constant", position_of(node))
        return f"coalesce(CAST({self.statement.parameters.add(term.bind, CountBind(is_strict))} AS BIGINT), 0)"

    def _split_where(self, node: exp.Select) -> _Where:
        out = _Where()
        where = node.args.get("where")
        if where is None:
            return out
        only_args(where, "this")
        for condition in _conjuncts(where.this):
            if isinstance(condition, tuple(_MIRRORED)) and (
                _is_rownum(condition.this) or _is_rownum(condition.expression)
            ):
                out.limits += self._rownum_limit(condition)
            elif isinstance(condition, exp.Between) and _is_rownum(condition.this):
                out.limits += self._rownum_limit(exp.GTE(this=condition.this, expression=condition.args["low"]))
                out.limits += self._rownum_limit(exp.LTE(this=condition.this, expression=condition.args["high"]))
            else:
                out.conditions.append(condition)
        return out

    def _rownum_limit(self, condition: exp.Expr) -> list[str]:
        kind, bound = type(condition), condition.args["expression"]
        if not _is_rownum(condition.this):
            kind, bound = _MIRRORED[kind], condition.this  # type: ignore[index]
        if _is_rownum(bound):
            raise unimplemented("this use of ROWNUM", position_of(condition))
        block = Block(Scope(None))
        if kind in (exp.LT, exp.LTE):
            return [self._row_count(bound, block, is_strict=kind is exp.LT)]
        term = self.expressions.number(bound, block)
        if not isinstance(term.constant, Decimal):
            raise unimplemented("this use of ROWNUM", position_of(condition))
        if kind is exp.EQ:
            return ["1" if term.constant == 1 else "0"]
        least = Decimal(1)
        is_always = term.constant < least if kind is exp.GT else term.constant <= least
        return [] if is_always else ["0"]

    def _uses_rownum(self, node: exp.Select) -> bool:
        roots = [*node.expressions, *self._order_items(node)]
        roots += [root for key in ("group", "having") if (root := node.args.get(key)) is not None]
        return any(_is_rownum(found) for root in roots for found in root.walk(prune=lambda n: isinstance(n, exp.Query)))

    def _numbered(self, body: str, scope: Scope, limits: list[str]) -> tuple[str, str]:
        alias = self.statement.fresh("r")
        columns = ["row_number() OVER () AS rn"]
        for number, source in enumerate(scope.sources):
            columns += [f"{column.term.sql} AS s{number}_{i}" for i, column in enumerate(source.columns)]
            source.moved(alias, f"s{number}")
        limit = ""
        if limits:
            limit = " LIMIT " + (limits[0] if len(limits) == 1 else f"least({', '.join(limits)})")
        return f"(SELECT {', '.join(columns)} FROM {body}{limit}) AS {alias}", f"{alias}.rn"

    # ---- FROM

    def _from(self, node: exp.Select, scope: Scope, where: _Where) -> str:
        from_ = node.args["from_"]
        only_args(from_, "this")
        joins: list[exp.Join] = list(node.args.get("joins") or [])
        if any(c.args.get("join_mark") for condition in where.conditions for c in condition.find_all(exp.Column)):
            return self._marked_joins(from_.this, joins, scope, where)
        body = self._source(from_.this, scope)
        start = 0
        for join in joins:
            only_args(join, "this", "on", "using", "side", "kind", "method")
            if join.meta.get("is_comma"):
                start = len(scope.sources)
                body += ", " + self._source(join.this, scope)
                continue
            body = self._join(body, join, scope, start)
        return body

    def _join(self, body: str, join: exp.Join, scope: Scope, start: int) -> str:
        side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
        method = str(join.args.get("method") or "").upper()
        if side not in ("", "LEFT", "RIGHT", "FULL") or method not in ("", "NATURAL"):
            raise unimplemented(f"{method} {side} JOIN".strip(), position_of(join))
        if kind not in ("", "INNER", "CROSS", "OUTER") or (kind == "OUTER" and not side):
            raise unimplemented(f"{kind} JOIN", position_of(join))
        lefts = list(scope.sources[start:])
        right_sql = self._source(join.this, scope)
        right = scope.sources[-1]
        on, using = join.args.get("on"), join.args.get("using")
        if kind == "CROSS":
            if on is not None or using or method:
                raise ora(933, position=position_of(on if on is not None else join))
            return f"{body} CROSS JOIN {right_sql}"
        word = f"{side} JOIN" if side else "JOIN"
        if using or method == "NATURAL":
            names = [name_of(column) for column in using or []]
            if method == "NATURAL":
                shared = {c.name for c in right.columns}
                names = [c.name for s in lefts for c in s.columns if c.name in shared and not c.is_hidden]
                if not names:
                    return f"{body} CROSS JOIN {right_sql}"
            condition, columns = self._merged(names, lefts, right, side, join)
            scope.sources.insert(start, Source(None, None, "", columns))
        elif on is None:
            raise ora(905, position=position_of(join))
        else:
            scope.visible = [*lefts, right]
            condition = self.expressions.condition(on, Block(scope))
            scope.visible = None
        return f"{body} {word} {right_sql} ON {condition}"

    def _merged(
        self, names: list[str], lefts: list[Source], right: Source, side: str, join: exp.Join
    ) -> tuple[str, list[SourceColumn]]:
        """Return the condition of USING, and the columns that it makes one of two."""
        conditions: list[str] = []
        merged: list[SourceColumn] = []
        for name in names:
            found = [c for s in lefts for c in s.columns if c.name == name and not c.is_hidden]
            others = [c for c in right.columns if c.name == name]
            if not found or not others:
                raise ora(904, f'"{name}"', position=position_of(join))
            if len(found) > 1 or len(others) > 1:
                raise ora(918, position=position_of(join))
            one, other = found[0], others[0]
            a, b = self.expressions.comparable(one.term, other.term, join, join)
            conditions.append(f"({a} = {b})")
            term = {"RIGHT": other.term}.get(side, one.term)
            if side == "FULL":
                texts, typed = self.expressions.like_first([one.term, other.term], [join, join])
                term = replace(typed, sql=f"coalesce({texts[0]}, {texts[1]})")
            one.is_hidden = other.is_hidden = True
            merged.append(SourceColumn(name, term))
        return "(" + " AND ".join(conditions) + ")", merged

    def _marked_joins(self, first: exp.Expr, joins: list[exp.Join], scope: Scope, where: _Where) -> str:
        if not all(join.meta.get("is_comma") for join in joins):
            raise ora(25156)
        texts: dict[int, str] = {}
        for node in [first, *(join.this for join in joins)]:
            sql = self._source(node, scope)
            texts[len(scope.sources) - 1] = sql
        marked: dict[int, list[exp.Expr]] = {}
        needs: dict[int, set[int]] = {}
        rest: list[exp.Expr] = []
        for condition in where.conditions:
            columns = list(condition.find_all(exp.Column))
            marks = {self._index_of(scope, c) for c in columns if c.args.get("join_mark")}
            if not marks:
                rest.append(condition)
                continue
            if len(marks) > 1:
                raise ora(1468, position=position_of(condition))
            if condition.find(exp.Or) or condition.find(exp.Query):
                raise ora(1719 if condition.find(exp.Or) else 1799, position=position_of(condition))
            target = marks.pop()
            others = {self._index_of(scope, c) for c in columns if not c.args.get("join_mark")}
            if target in others:
                raise unimplemented("(+) on some columns of a table only", position_of(condition))
            for column in columns:
                column.set("join_mark", None)
            marked.setdefault(target, []).append(condition)
            needs.setdefault(target, set()).update(others)
        body = " CROSS JOIN ".join(sql for index, sql in texts.items() if index not in marked)
        if not body:
            raise ora(1416)
        placed = set(texts) - set(marked)
        while len(placed) < len(texts):
            ready = [index for index in marked if index not in placed and needs[index] <= placed]
            if not ready:
                raise ora(1416)
            on = " AND ".join(self.expressions.condition(c, Block(scope)) for c in marked[ready[0]])
            body += f" LEFT JOIN {texts[ready[0]]} ON {on}"
            placed.add(ready[0])
        where.conditions[:] = rest
        return body

    def _index_of(self, scope: Scope, column: exp.Column) -> int:
        source = scope.source_of(column)
        return next(index for index, each in enumerate(scope.sources) if each is source)

    def _source(self, node: exp.Expr, scope: Scope) -> str:
        if isinstance(node, exp.Subquery):
            only_args(node, "this", "alias")
            query = self._query(node.this, None, is_output=False)
            return self._add(scope, self._alias(node), None, f"({query.sql})", query)
        if not isinstance(node, exp.Table):
            raise unimplemented(node.key.upper(), position_of(node))
        only_args(node, "this", "db", "alias")
        if not isinstance(node.this, exp.Identifier):
            raise unimplemented("a table function", position_of(node))
        alias, name = self._alias(node), name_of(node.this, 903)
        owner = name_of(node.args["db"], 903) if node.args.get("db") else None
        if owner is None:
            for views in reversed(self._views):
                if name in views:
                    sql_name, query = views[name]
                    return self._add(scope, alias or name, None, sql_name, query)
        environment = self.statement.environment
        if name == "DUAL" and owner in (None, "SYS") and (environment.schema, name) not in environment.tables:
            dual = Subquery(_DUAL, ("DUMMY",), (Term("", Kind.VARCHAR2, size=1),))
            return self._add(scope, alias or name, None if alias else "SYS", _DUAL, dual)
        table = environment.find(owner, name, position_of(node.this))
        self.statement.tables[table.key] = table
        sql_alias = self.statement.fresh("t")
        columns = [
            SourceColumn(c.name, of_column(f"{sql_alias}.{identifier(c.name)}", c, table.stored[c.name]))
            for c in table.table.columns
        ]
        scope.sources.append(Source(alias or name, None if alias else table.table.owner, sql_alias, columns))
        return f"{table.sql} AS {sql_alias}"

    def _alias(self, node: exp.Expr) -> str | None:
        alias = node.args.get("alias")
        if alias is None:
            return None
        only_args(alias, "this")
        return name_of(alias.this, 933)

    def _add(self, scope: Scope, alias: str | None, owner: str | None, sql: str, query: Subquery) -> str:
        sql_alias = self.statement.fresh("t")
        columns = [
            SourceColumn(name, replace(term, sql=f"{sql_alias}.c{index}", constant=None, bind=None, is_literal=False))
            for index, (name, term) in enumerate(zip(query.names, query.terms, strict=True))
        ]
        scope.sources.append(Source(alias, owner, sql_alias, columns))
        return f"{sql} AS {sql_alias}"


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    elif isinstance(node, exp.Paren) and isinstance(inner := node.this, exp.Condition):
        yield from _conjuncts(inner)
    else:
        yield node


def _is_rownum(node: exp.Expr | None) -> bool:
    return (
        isinstance(node, exp.Column)
        and not node.args.get("table")
        and isinstance(node.this, exp.Identifier)
        and not node.this.args.get("quoted")
        and str(node.this.this).upper() == "ROWNUM"
    ) or (isinstance(node, exp.Pseudocolumn) and str(node.name).upper() == "ROWNUM")


def _column_name(node: exp.Expr) -> str:
    upper = str(node.this.this).upper()
    is_pseudo = not node.this.args.get("quoted") and not node.args.get("table") and upper in PSEUDO_COLUMNS
    return upper if is_pseudo else name_of(node.this)


def _columns(query: Subquery, alias: str) -> list[Term]:
    return [
        replace(term, sql=f"{alias}.c{index}", constant=None, bind=None, is_literal=False)
        for index, term in enumerate(query.terms)
    ]


def _listed(texts: list[str]) -> str:
    return ", ".join(f"{text} AS c{index}" for index, text in enumerate(texts))


def _ordered(sql: str, item: exp.Ordered) -> str:
    direction = "DESC" if item.args.get("desc") else "ASC"
    return f"{sql} {direction} NULLS {'FIRST' if item.args.get('nulls_first') else 'LAST'}"


def _order_by(items: list[str]) -> str:
    return f" ORDER BY {', '.join(items)}" if items else ""


def _output(term: Term) -> str:
    """Let stored decimals leave DuckDB as digits without trailing zeros: text is read fastest."""
    if not isinstance(term.form, Fixed):
        return term.sql
    text = f"CAST({term.sql} AS VARCHAR)"
    return f"rtrim(rtrim({text}, '0'), '.')" if term.form.scale else text

"""Queries: SELECT blocks, set operations and WITH, in DuckDB's SQL with Oracle's meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from dev.oracle_standin.dialect.aggregates import GROUP_FUNCTIONS
from dev.oracle_standin.dialect.context import Block, Statement, Subquery
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.expressions import Expressions
from dev.oracle_standin.dialect.from_clause import FromClause, Views
from dev.oracle_standin.dialect.function_names import PSEUDO_COLUMNS
from dev.oracle_standin.dialect.functions import SINGLE_ROW_FUNCTIONS
from dev.oracle_standin.dialect.lexemes import heading
from dev.oracle_standin.dialect.names import Scope
from dev.oracle_standin.dialect.row_limits import Limit, RowLimits, numbered
from dev.oracle_standin.dialect.terms import (
    NULL,
    Fixed,
    Kind,
    Term,
)
from dev.oracle_standin.dialect.tree import name_of, only_args, position_of


@dataclass(slots=True)
class _Item:
    name: str
    term: Term
    is_named: bool


class Queries:
    """Translates the queries of one statement."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.expressions = Expressions(statement, {**SINGLE_ROW_FUNCTIONS, **GROUP_FUNCTIONS})
        self.expressions.queries = self
        self._views: Views = []
        self._limits = RowLimits(statement, self.expressions)
        self._sources = FromClause(statement, self.expressions, self._views, lambda node: self.subquery(node, None))

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
        limit = self._limits.limit(node, Block(Scope(outer)))
        if limit.with_ties:
            raise unimplemented("WITH TIES of a set operation", position_of(node))
        _check_names_of_limited(node, left.names, position_of(node))
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
        where = self._limits.split_where(node)
        body = self._sources.clause(node, scope, where.conditions)
        plain = Block(scope)
        conditions = [self.expressions.condition(condition, plain) for condition in where.conditions]
        if conditions:
            body += " WHERE " + " AND ".join(conditions)
        rownum = None
        if where.limits or self._limits.uses_rownum(
            [*node.expressions, *self._order_items(node), *_grouping_parts(node)]
        ):
            body, rownum = numbered(self.statement, body, scope, where.limits)
        block, grouping = self._grouping(node, Block(scope, rownum=rownum))
        items = self._items(node, block)
        body += grouping
        if (having := node.args.get("having")) is not None:
            body += " HAVING " + self.expressions.condition(having.this, replace(block, allows_windows=False))
        limit = self._limits.limit(node, plain)
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
        _check_names_of_limited(node, names, position_of(node))
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


def _check_names_of_limited(node: exp.Query, names: tuple[str, ...], position: int) -> None:
    """Refuse a name that comes twice where FETCH or OFFSET stands: Oracle makes an inline view of such a query."""
    if (node.args.get("limit") or node.args.get("offset")) and len(set(names)) < len(names):
        raise ora(918, position=position)


def _grouping_parts(node: exp.Select) -> list[exp.Expr]:
    return [part for key in ("group", "having") if (part := node.args.get(key)) is not None]


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
    """Let stored decimals leave DuckDB as digits, with all the zeros of their scale: text is read fastest."""
    return f"CAST({term.sql} AS VARCHAR)" if isinstance(term.form, Fixed) else term.sql

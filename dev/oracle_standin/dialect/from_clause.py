"""FROM: tables, views of WITH, subqueries, and how they are joined, the old (+) as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from dev.oracle_standin.dialect.context import Block, Statement, Subquery
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.expressions import Expressions
from dev.oracle_standin.dialect.names import Scope, Source, SourceColumn, identifier
from dev.oracle_standin.dialect.terms import Kind, Term, of_column
from dev.oracle_standin.dialect.tree import name_of, only_args, position_of

Views = list[dict[str, tuple[str, Subquery]]]
"""The names that WITH defines, innermost last: each with its DuckDB name and what it holds."""

_DUAL = "(SELECT 'X' AS c0)"


class FromClause:
    """Translates the FROM clauses of one statement."""

    def __init__(
        self, statement: Statement, expressions: Expressions, views: Views, query: Callable[[exp.Expr], Subquery]
    ) -> None:
        self._statement = statement
        self._e = expressions
        self._views = views
        self._query = query

    def clause(self, node: exp.Select, scope: Scope, conditions: list[exp.Expr]) -> str:
        """Translate FROM and its joins; conditions with (+) are taken out of the list and become outer joins."""
        from_ = node.args["from_"]
        only_args(from_, "this")
        joins: list[exp.Join] = list(node.args.get("joins") or [])
        if any(c.args.get("join_mark") for condition in conditions for c in condition.find_all(exp.Column)):
            return self._marked_joins(from_.this, joins, scope, conditions)
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
            condition = self._e.condition(on, Block(scope))
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
            a, b = self._e.comparable(one.term, other.term, join, join)
            conditions.append(f"({a} = {b})")
            term = {"RIGHT": other.term}.get(side, one.term)
            if side == "FULL":
                texts, typed = self._e.like_first([one.term, other.term], [join, join])
                term = replace(typed, sql=f"coalesce({texts[0]}, {texts[1]})")
            one.is_hidden = other.is_hidden = True
            merged.append(SourceColumn(name, term))
        return "(" + " AND ".join(conditions) + ")", merged

    def _marked_joins(self, first: exp.Expr, joins: list[exp.Join], scope: Scope, conditions: list[exp.Expr]) -> str:
        if not all(join.meta.get("is_comma") for join in joins):
            raise ora(25156)
        texts: dict[int, str] = {}
        for node in [first, *(join.this for join in joins)]:
            sql = self._source(node, scope)
            texts[len(scope.sources) - 1] = sql
        marked: dict[int, list[exp.Expr]] = {}
        needs: dict[int, set[int]] = {}
        rest: list[exp.Expr] = []
        for condition in conditions:
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
            on = " AND ".join(self._e.condition(c, Block(scope)) for c in marked[ready[0]])
            body += f" LEFT JOIN {texts[ready[0]]} ON {on}"
            placed.add(ready[0])
        conditions[:] = rest
        return body

    def _index_of(self, scope: Scope, column: exp.Column) -> int:
        source = scope.source_of(column)
        return next(index for index, each in enumerate(scope.sources) if each is source)

    def _source(self, node: exp.Expr, scope: Scope) -> str:
        if isinstance(node, exp.Subquery):
            only_args(node, "this", "alias")
            query = self._query(node.this)
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
        environment = self._statement.environment
        if name == "DUAL" and owner in (None, "SYS") and (environment.schema, name) not in environment.tables:
            dual = Subquery(_DUAL, ("DUMMY",), (Term("", Kind.VARCHAR2, size=1),))
            return self._add(scope, alias or name, None if alias else "SYS", _DUAL, dual)
        table = environment.find(owner, name, position_of(node.this))
        self._statement.tables[table.key] = table
        sql_alias = self._statement.fresh("t")
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
        sql_alias = self._statement.fresh("t")
        columns = [
            SourceColumn(name, replace(term, sql=f"{sql_alias}.c{index}", constant=None, bind=None, is_literal=False))
            for index, (name, term) in enumerate(zip(query.names, query.terms, strict=True))
        ]
        scope.sources.append(Source(alias, owner, sql_alias, columns))
        return f"{sql} AS {sql_alias}"

"""INSERT, UPDATE, DELETE, and the few forms of CREATE, DROP and TRUNCATE TABLE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from sqlglot import exp

from dev.oracle_standin.catalogue import Table
from dev.oracle_standin.dialect import numbers
from dev.oracle_standin.dialect.binds import StoreBind
from dev.oracle_standin.dialect.context import Block, Statement
from dev.oracle_standin.dialect.errors import ora, unimplemented
from dev.oracle_standin.dialect.expressions import Expressions
from dev.oracle_standin.dialect.names import Scope, Source, SourceColumn, StoredTable, identifier, invalid
from dev.oracle_standin.dialect.queries import Queries
from dev.oracle_standin.dialect.terms import (
    EXACT,
    MAX_TEXT,
    NULL,
    TIMES,
    Exact,
    Fixed,
    Integer,
    Kind,
    Term,
    of_column,
    quoted,
)
from dev.oracle_standin.dialect.tree import name_of, only_args, position_of, sizes_of
from dev.oracle_standin.dialect.types import PLAIN_NUMBER_SCALE, duckdb_type
from dev.oracle_standin.values import Column, OracleType


@dataclass(frozen=True, slots=True)
class TableChange:
    """A DDL statement: the table that comes or goes, and the DuckDB text that does it."""

    table: StoredTable
    sql: str
    is_drop: bool = False


class Changes:
    """Translates one statement that changes something."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.queries = Queries(statement)
        self.expressions: Expressions = self.queries.expressions

    # ---- DML

    def insert(self, node: exp.Insert) -> str:
        """Translate INSERT ... VALUES and INSERT ... SELECT."""
        only_args(node, "this", "expression")
        target = node.this.this if isinstance(node.this, exp.Schema) else node.this
        table, _alias = self._target(target)
        columns = {column.name: column for column in table.table.columns}
        if isinstance(node.this, exp.Schema):
            names = [name_of(identifier_) for identifier_ in node.this.expressions]
            for name, written in zip(names, node.this.expressions, strict=True):
                if name not in columns:
                    raise ora(904, f'"{name}"', position=position_of(written))
            if len(set(names)) < len(names):
                raise ora(957, position=position_of(node.this))
        else:
            names = list(columns)
        source, sql = node.expression, ""
        if isinstance(source, exp.Values):
            if len(source.expressions) != 1:
                raise ora(933, position=position_of(source))
            row = source.expressions[0]
            nodes = row.expressions if isinstance(row, exp.Tuple) else [row]
            terms = [self.expressions.value(value, Block(Scope())) for value in nodes]
            nodes_of = list(nodes)
        elif isinstance(source, exp.Query):
            query = self.queries.subquery(source, None)
            alias = self.statement.fresh("q")
            terms = [
                replace(t, sql=f"{alias}.c{i}", constant=None, bind=None, is_literal=False)
                for i, t in enumerate(query.terms)
            ]
            nodes_of = [source] * len(terms)
            sql = f" FROM ({query.sql}) AS {alias}"
        else:
            raise ora(926, position=position_of(node))
        if len(terms) < len(names):
            raise ora(947, position=position_of(source))
        if len(terms) > len(names):
            raise ora(913, position=position_of(source))
        given = dict(zip(names, zip(terms, nodes_of, strict=True), strict=True))
        stored: list[str] = []
        for name, column in columns.items():
            term, value_node = given.get(name, (NULL, node))
            stored.append(self._stored(term, value_node, table, column, 1400))
        listed = ", ".join(identifier(name) for name in columns)
        return f"INSERT INTO {table.sql} ({listed}) SELECT {', '.join(stored)}{sql}"

    def update(self, node: exp.Update) -> tuple[str, str]:
        """Translate UPDATE ... SET column = expression; and the query that finds its rows."""
        only_args(node, "this", "expressions", "where")
        table, alias = self._target(node.this)
        scope = self._scope(table, alias)
        sql_alias = scope.sources[0].sql_alias
        columns = {column.name: column for column in table.table.columns}
        settings: dict[str, str] = {}
        for setting in node.expressions:
            if not isinstance(setting, exp.EQ) or not isinstance(setting.this, exp.Column):
                raise unimplemented("this SET", position_of(setting))
            scope.resolve(setting.this)
            name = name_of(setting.this.this)
            if name not in columns:
                raise invalid([], name, setting.this)
            if name in settings:
                raise ora(957, position=position_of(setting))
            term = self.expressions.value(setting.expression, Block(scope))
            settings[name] = self._stored(term, setting.expression, table, columns[name], 1407)
        set_sql = ", ".join(f"{identifier(name)} = {sql}" for name, sql in settings.items())
        where = self._where(node, scope)
        return f"UPDATE {table.sql} AS {sql_alias} SET {set_sql}{where}", _rows(table, sql_alias, where)

    def delete(self, node: exp.Delete) -> tuple[str, str]:
        """Translate DELETE [FROM] table; and the query that finds its rows."""
        only_args(node, "this", "tables", "where")
        tables = node.args.get("tables") or []
        if len(tables) > 1 or (tables and node.this):
            raise ora(933, position=position_of(node))
        table, alias = self._target(tables[0] if tables else node.this)
        scope = self._scope(table, alias)
        sql_alias, where = scope.sources[0].sql_alias, self._where(node, scope)
        return f"DELETE FROM {table.sql} AS {sql_alias}{where}", _rows(table, sql_alias, where)

    def _where(self, node: exp.Expr, scope: Scope) -> str:
        where = node.args.get("where")
        return f" WHERE {self.expressions.condition(where.this, Block(scope))}" if where is not None else ""

    def _target(self, node: exp.Expr) -> tuple[StoredTable, str | None]:
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise ora(903, position=position_of(node))
        only_args(node, "this", "db", "alias")
        alias = node.args.get("alias")
        if alias is not None:
            only_args(alias, "this")
        owner = name_of(node.args["db"], 903) if node.args.get("db") else None
        table = self.statement.environment.find(owner, name_of(node.this, 903), position_of(node.this))
        self.statement.tables[table.key] = table
        return table, name_of(alias.this, 933) if alias is not None else None

    def _scope(self, table: StoredTable, alias: str | None) -> Scope:
        sql_alias = self.statement.fresh("t")
        columns = [
            SourceColumn(c.name, of_column(f"{sql_alias}.{identifier(c.name)}", c, table.stored[c.name]))
            for c in table.table.columns
        ]
        name = alias or table.table.name
        return Scope(None, [Source(name, None if alias else table.table.owner, sql_alias, columns)])

    # ---- what a column takes

    def _stored(self, term: Term, node: exp.Expr, table: StoredTable, column: Column, null_code: int) -> str:
        stored_type = table.stored[column.name]
        full_name = f'"{table.table.owner}"."{table.table.name}"."{column.name}"'
        sql = f"CAST({self._converted(term, node, column, stored_type, full_name)} AS {stored_type})"
        if column.is_nullable:
            return sql
        message = "cannot insert NULL into ({})" if null_code == 1400 else "cannot update ({}) to NULL"
        failure = quoted(f"ORA-{null_code:05d}: {message.format(full_name)}")
        return f"(CASE WHEN {sql} IS NULL THEN error({failure}) ELSE {sql} END)"

    def _converted(  # noqa: PLR0911 - one type, one return
        self, term: Term, node: exp.Expr, column: Column, stored: str, full_name: str
    ) -> str:
        if term.kind is Kind.NULL:
            return "NULL"
        match column.type:
            case OracleType.NUMBER:
                return self._number(self.expressions.as_number(term, node), column, stored)
            case OracleType.VARCHAR2 | OracleType.LONG:
                text = self.expressions.as_text(term, node)
                return _sized(text, column.size or MAX_TEXT, full_name)
            case OracleType.CHAR:
                text = self.expressions.as_text(term, node)
                return f"rpad({_sized(text, column.size, full_name)}, {column.size}, ' ')"
            case OracleType.DATE:
                moment = self.expressions.as_date(term, node)
                return f"date_trunc('second', {moment.sql})"
            case OracleType.TIMESTAMP if term.kind in TIMES:
                return term.sql
            case OracleType.BINARY_DOUBLE if term.kind in (Kind.DOUBLE, Kind.NUMBER):
                number = term
                return number.sql if term.kind is Kind.DOUBLE else self.expressions.number_text(number)
            case OracleType.RAW if term.kind is Kind.RAW:
                return term.sql
        raise ora(932, column.type.name, term.kind.name, position=position_of(node))

    def _number(self, term: Term, column: Column, stored: str) -> str:  # noqa: PLR0911 - one case, one return
        if term.kind is Kind.DOUBLE:
            raise unimplemented("a BINARY_DOUBLE stored as NUMBER")
        form = of_column("", column, stored).form or EXACT
        forms = self.expressions.forms
        held = Fixed(18, 0) if isinstance(form, Integer) else form
        if term.bind is not None:
            precision, scale = (held.precision, held.scale) if isinstance(held, Fixed) else (0, 0)
            store = StoreBind(column.precision, column.scale, precision, scale, column.name)
            return (
                f"CAST({self.statement.parameters.add(term.bind, store)} AS {'BLOB' if held == EXACT else 'VARCHAR'})"
            )
        if column.precision:
            if isinstance(term.constant, Decimal):
                constant = numbers.fit(term.constant, column.precision, column.scale)
                if isinstance(held, Exact):
                    return forms.exact(replace(term, constant=constant))
                return quoted(f"{numbers.plain(constant):f}")
            if _fits(term, column.precision - column.scale, column.scale):
                return term.sql if not isinstance(held, Exact) else forms.exact(term)
            fitted = f"ora_fit({forms.exact(term)}, {column.precision}, {column.scale})"
            return fitted if isinstance(held, Exact) else f"ora_plain({fitted})"
        if isinstance(held, Exact):
            return forms.exact(term)
        if _fits(term, held.whole, held.scale):
            return term.sql
        return f"ora_held({forms.exact(term)}, {held.precision}, {held.scale}, {quoted(column.name)})"

    # ---- DDL

    def create(self, node: exp.Create) -> TableChange:
        """Translate CREATE TABLE t (columns) and CREATE TABLE t AS SELECT, in the user's own schema."""
        only_args(node, "this", "kind", "expression")
        if str(node.args.get("kind")).upper() != "TABLE":
            raise unimplemented(f"CREATE {node.args.get('kind')}", position_of(node))
        is_list = isinstance(node.this, exp.Schema)
        owner, name = self._new_name(node.this.this if is_list else node.this)
        keys: list[str] = []
        if is_list and node.args.get("expression") is None:
            columns = []
            for definition in node.this.expressions:
                if isinstance(definition, exp.PrimaryKey):
                    keys.append(self._key([name_of(column) for column in definition.expressions]))
                    continue
                columns.append(self._definition(definition, keys))
            table = self._new_table(owner, name, columns, node)
            listed = [f"{identifier(c.name)} {table.stored[c.name]}" for c in columns]
            sql = f"CREATE TABLE {table.sql} ({', '.join([*listed, *keys])})"
            return TableChange(table, sql)
        if is_list or node.args.get("expression") is None:
            raise unimplemented("this CREATE TABLE", position_of(node))
        query = self.queries.subquery(node.args["expression"], None)
        columns = [_column_for(column, term, node) for column, term in zip(query.names, query.terms, strict=True)]
        table = self._new_table(owner, name, columns, node)
        alias = self.statement.fresh("q")
        stored = [
            self._stored(
                replace(term, sql=f"{alias}.c{index}", constant=None, bind=None, is_literal=False), node, table, c, 1400
            )
            for index, (c, term) in enumerate(zip(columns, query.terms, strict=True))
        ]
        shown = ", ".join(f"{text} AS {identifier(c.name)}" for text, c in zip(stored, columns, strict=True))
        return TableChange(table, f"CREATE TABLE {table.sql} AS SELECT {shown} FROM ({query.sql}) AS {alias}")

    def drop(self, node: exp.Drop) -> TableChange:
        """Translate DROP TABLE, in the user's own schema."""
        only_args(node, "tables", "this", "kind", "purge", "constraints", "cascade")
        if str(node.args.get("kind")).upper() != "TABLE":
            raise unimplemented(f"DROP {node.args.get('kind')}", position_of(node))
        table, _ = self._target((node.args.get("tables") or [node.this])[0])
        self._require_own(table.table.owner)
        return TableChange(table, f"DROP TABLE {table.sql}", is_drop=True)

    def truncate(self, node: exp.TruncateTable) -> str:
        """Translate TRUNCATE TABLE, in the user's own schema."""
        only_args(node, "expressions")
        table, _ = self._target(node.expressions[0])
        self._require_own(table.table.owner)
        return f"DELETE FROM {table.sql}"

    def _require_own(self, owner: str) -> None:
        if owner != self.statement.environment.user:
            raise ora(1031)

    def _new_name(self, node: exp.Expr) -> tuple[str, str]:
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise ora(903, position=position_of(node))
        only_args(node, "this", "db")
        environment = self.statement.environment
        owner = name_of(node.args["db"], 903) if node.args.get("db") else environment.schema
        name = name_of(node.this, 903)
        self._require_own(owner)
        if any(o == owner and n.upper() == name.upper() for o, n in environment.tables):
            raise ora(955, position=position_of(node))
        return owner, name

    def _new_table(self, owner: str, name: str, columns: list[Column], node: exp.Expr) -> StoredTable:
        if len({column.name.upper() for column in columns}) < len(columns):
            raise ora(957, position=position_of(node))
        stored = {c.name: "BLOB" if _is_plain(c) else duckdb_type(c) for c in columns}
        return StoredTable(Table(owner, name, tuple(columns)), f"user {owner}", stored)

    def _key(self, names: list[str]) -> str:
        return f"PRIMARY KEY ({', '.join(identifier(name) for name in names)})"

    def _definition(self, node: exp.Expr, keys: list[str]) -> Column:
        if not isinstance(node, exp.ColumnDef):
            raise unimplemented("this table constraint", position_of(node))
        only_args(node, "this", "kind", "constraints")
        column = _declared(name_of(node.this), node.args.get("kind"), node)
        for constraint in node.args.get("constraints") or []:
            kind = constraint.args.get("kind")
            if isinstance(kind, exp.NotNullColumnConstraint):
                if not kind.args.get("allow_null"):
                    column = replace(column, is_nullable=False)
            elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
                column = replace(column, is_nullable=False)
                keys.append(self._key([column.name]))
            else:
                raise unimplemented("this column constraint", position_of(node))
        return column


def _rows(table: StoredTable, sql_alias: str, where: str) -> str:
    return f"SELECT {sql_alias}.rowid FROM {table.sql} AS {sql_alias}{where}"


def _is_plain(column: Column) -> bool:
    return column.type is OracleType.NUMBER and column.precision == 0


def _fits(term: Term, whole: int, scale: int) -> bool:
    if isinstance(term.constant, Decimal):
        return False
    if isinstance(term.form, Integer):
        return whole >= 19
    return isinstance(term.form, Fixed) and term.form.scale <= scale and term.form.whole <= whole


def _sized(text: Term, size: int, full_name: str) -> str:
    if text.size <= size and text.bind is None:
        return text.sql
    head = quoted(f"ORA-12899: value too large for column {full_name} (actual: ")
    failure = f"error({head} || length({text.sql}) || ', maximum: {size})')"
    return f"(CASE WHEN length({text.sql}) > {size} THEN {failure} ELSE {text.sql} END)"


def _declared(name: str, kind: exp.Expr | None, node: exp.Expr) -> Column:  # noqa: PLR0911 - one type, one return
    if not isinstance(kind, exp.DataType):
        raise ora(902, position=position_of(node))
    only_args(kind, "this", "expressions")
    sizes = sizes_of(kind)
    if not all(size.isdigit() for size in sizes):
        raise unimplemented("this data type", position_of(node))
    match kind.this:
        case exp.DType.DECIMAL:
            precision = int(sizes[0]) if sizes else 0
            scale = int(sizes[1]) if len(sizes) > 1 else (0 if sizes else PLAIN_NUMBER_SCALE)
            if sizes and not (1 <= precision <= 38 and scale <= precision):
                raise unimplemented("this NUMBER", position_of(node))
            return Column(name, OracleType.NUMBER, 0, precision, scale)
        case exp.DType.INT if not sizes:
            return Column(name, OracleType.NUMBER, 0, 38, 0)
        case exp.DType.VARCHAR if len(sizes) == 1:
            return Column(name, OracleType.VARCHAR2, int(sizes[0]))
        case exp.DType.CHAR:
            return Column(name, OracleType.CHAR, int(sizes[0]) if sizes else 1)
        case exp.DType.DATE:
            return Column(name, OracleType.DATE)
        case exp.DType.TIMESTAMP if sizes in ([], ["6"]):
            return Column(name, OracleType.TIMESTAMP, scale=6)
        case exp.DType.DOUBLE:
            return Column(name, OracleType.BINARY_DOUBLE)
    raise unimplemented("this data type", position_of(node))


def _column_for(name: str, term: Term, node: exp.Expr) -> Column:
    match term.kind:
        case Kind.NUMBER:
            return Column(name, OracleType.NUMBER, 0, term.precision, term.scale if term.precision else -127)
        case Kind.VARCHAR2:
            return Column(name, OracleType.VARCHAR2, max(1, term.size))
        case Kind.CHAR:
            return Column(name, OracleType.CHAR, max(1, term.size))
        case Kind.DATE:
            return Column(name, OracleType.DATE)
        case Kind.TIMESTAMP:
            return Column(name, OracleType.TIMESTAMP, scale=6)
        case Kind.DOUBLE:
            return Column(name, OracleType.BINARY_DOUBLE)
    raise ora(1723, position=position_of(node))

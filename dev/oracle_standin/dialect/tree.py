"""What a node of the parsed tree says: its name, its place, its sizes, and whether it says more than is understood."""

from __future__ import annotations

from sqlglot import exp

from dev.oracle_standin.dialect.errors import ora, unimplemented

_MAX_IDENTIFIER_BYTES = 128
_RESERVED_WORDS = """
ACCESS ADD ALL ALTER AND ANY AS ASC AUDIT BETWEEN BY CHAR CHECK CLUSTER COLUMN COMMENT COMPRESS CONNECT CREATE
CURRENT DATE DECIMAL DEFAULT DELETE DESC DISTINCT DROP ELSE EXCLUSIVE EXISTS FILE FLOAT FOR FROM GRANT GROUP HAVING
IDENTIFIED IMMEDIATE IN INCREMENT INDEX INITIAL INSERT INTEGER INTERSECT INTO IS LEVEL LIKE LOCK LONG MAXEXTENTS
MINUS MLSLABEL MODE MODIFY NOAUDIT NOCOMPRESS NOT NOWAIT NULL NUMBER OF OFFLINE ON ONLINE OPTION OR ORDER PCTFREE
PRIOR PUBLIC RAW RENAME RESOURCE REVOKE ROW ROWID ROWNUM ROWS SELECT SESSION SET SHARE SIZE SMALLINT START
SUCCESSFUL SYNONYM SYSDATE TABLE THEN TO TRIGGER UID UNION UNIQUE UPDATE USER VALIDATE VALUES VARCHAR VARCHAR2 VIEW
WHENEVER WHERE WITH
"""
RESERVED = frozenset(_RESERVED_WORDS.split())
"""Words that cannot name a thing unless quoted."""


def check_length(name: str, position: int) -> None:
    """Refuse a name over 128 bytes.

    :raises OracleError: ORA-00972.
    """
    if len(name.encode()) > _MAX_IDENTIFIER_BYTES:
        raise ora(972, position=position)


def name_of(identifier: exp.Expr, code: int = 904) -> str:
    """Return an identifier as Oracle keeps it: upper case unless quoted.

    :param code: the ORA number raised for a reserved word.
    :raises OracleError: for a reserved word that is not quoted.
    """
    if not isinstance(identifier, exp.Identifier):
        raise ora(933, position=position_of(identifier))
    text = str(identifier.this)
    if identifier.args.get("quoted"):
        return text
    upper = text.upper()
    if upper in RESERVED:
        position = position_of(identifier)
        raise ora(904, f'"{upper}"', position=position) if code == 904 else ora(code, position=position)
    return upper


def position_of(node: exp.Expr) -> int:
    """Return the 0-based offset of the first thing in a node whose place is known."""
    for found in node.find_all(exp.Expr, bfs=False):
        start = found.meta.get("start")
        if isinstance(start, int):
            return start
    return 0


def sizes_of(data_type: exp.Expr) -> list[str]:
    """Return the numbers in the brackets of a data type; ``CHAR`` may follow one.

    :raises OracleError: ORA-00907; ORA-03001 for ``BYTE``, as all lengths here are in characters.
    """
    for parameter in data_type.expressions:
        unit = str(parameter.args.get("expression") or "CHAR").upper()
        if unit == "BYTE":
            raise unimplemented("a length in bytes", position_of(data_type))
        if unit != "CHAR":
            raise ora(907, position=position_of(data_type))
    return [str(parameter.this.this) for parameter in data_type.expressions]


def only_args(node: exp.Expr, *allowed: str) -> None:
    """Refuse a node that carries more than the arguments that the translation looks at.

    :raises OracleError: ORA-03001 naming the clause.
    """
    for key, value in node.args.items():
        if value and key not in allowed:
            raise unimplemented(key.rstrip("_").upper().replace("_", " "), position_of(node))

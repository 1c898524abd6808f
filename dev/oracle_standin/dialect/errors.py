"""Oracle's own words for each error that the dialect raises."""

from __future__ import annotations

from dev.oracle_standin.backend import OracleError

_MESSAGES = {
    1: "unique constraint ({}) violated",
    54: "resource busy and acquire with NOWAIT specified or timeout expired",
    60: "deadlock detected while waiting for resource",
    900: "invalid SQL statement",
    902: "invalid datatype",
    903: "invalid table name",
    904: "{}: invalid identifier",
    905: "missing keyword",
    907: "missing right parenthesis",
    909: "invalid number of arguments",
    911: "invalid character",
    913: "too many values",
    918: "column ambiguously defined",
    922: "missing or invalid option",
    923: "FROM keyword not found where expected",
    925: "missing INTO keyword",
    926: "missing VALUES keyword",
    932: "inconsistent datatypes: expected {} got {}",
    933: "SQL command not properly ended",
    934: "group function is not allowed here",
    936: "missing expression",
    937: "not a single-group group function",
    938: "not enough arguments for function",
    939: "too many arguments for function",
    942: "table or view does not exist",
    947: "not enough values",
    955: "name is already used by an existing object",
    957: "duplicate column name",
    960: "ambiguous column naming in select list",
    972: "identifier is too long",
    979: "not a GROUP BY expression",
    1002: "fetch out of sequence",
    1008: "not all variables bound",
    1013: "user requested cancel of current operation",
    1031: "insufficient privileges",
    1400: "cannot insert NULL into ({})",
    1407: "cannot update ({}) to NULL",
    1416: "two tables cannot be outer-joined to each other",
    1424: "missing or illegal character following the escape character",
    1425: "escape character must be character string of length 1",
    1426: "numeric overflow",
    1427: "single-row subquery returns more than one row",
    1435: "user does not exist",
    1438: "value larger than specified precision allowed for this column",
    1453: "SET TRANSACTION must be first statement of transaction",
    1456: "may not perform insert/delete/update operation inside a READ ONLY transaction",
    1468: "a predicate may reference only one outer-joined table",
    1476: "divisor is equal to zero",
    1481: "invalid number format model",
    1489: "result of string concatenation is too long",
    1555: 'snapshot too old: rollback segment number with name "" too small',
    1719: "outer join operator (+) not allowed in operand of OR or IN",
    1722: "invalid number",
    1723: "zero-length columns are not allowed",
    1740: "missing double quote in identifier",
    1747: "invalid user.table.column, table.column, or column specification",
    1756: "quoted string not properly terminated",
    1785: "ORDER BY item must be the number of a SELECT-list expression",
    1789: "query block has incorrect number of result columns",
    1790: "expression must have same datatype as corresponding expression",
    1791: "not a SELECTed expression",
    1795: "maximum number of expressions in a list is 1000",
    1799: "a column may not be outer-joined to a subquery",
    1810: "format code appears twice",
    1821: "date format not recognized",
    1830: "date format picture ends before converting entire input string",
    1839: "date not valid for month specified",
    1840: "input value not long enough for date format",
    1841: "(full) year must be between -4713 and +9999, and not be 0",
    1843: "not a valid month",
    1847: "day of month must be between 1 and last day of month",
    1848: "day of year must be between 1 and 365 (366 for leap year)",
    1849: "hour must be between 1 and 12",
    1850: "hour must be between 0 and 23",
    1851: "minutes must be between 0 and 59",
    1852: "seconds must be between 0 and 59",
    1855: "AM/A.M. or PM/P.M. required",
    1858: "a non-numeric character was found where a numeric was expected",
    1861: "literal does not match format string",
    1877: "string is too long for internal buffer",
    2248: "invalid option for ALTER SESSION",
    3001: "unimplemented feature: {}",
    6550: "line 1, column {}:\nPLS-00103: the stand-in runs no PL/SQL but BEGIN NULL; END;",
    8177: "can't serialize access for this transaction",
    12704: "character set mismatch",
    12899: "value too large for column {} (actual: {}, maximum: {})",
    25154: "column part of USING clause cannot have qualifier",
    25156: "old style outer join (+) cannot be used with ANSI joins",
    30001: "trim set should have only one character",
    30483: "window  functions are not allowed here",
    30484: "missing window specification for this function",
    30487: "ORDER BY not allowed here",
    30485: "missing ORDER BY expression in the window specification",
}


def ora(code: int, *details: object, position: int = 0) -> OracleError:
    """Return the error with Oracle's message for ``code``; ``details`` fill its gaps."""
    return OracleError(code, _MESSAGES[code].format(*details), position)


def unimplemented(what: str, position: int = 0) -> OracleError:
    """Return ORA-03001 for a construct that Oracle knows and the stand-in does not answer."""
    return ora(3001, what, position=position)


def from_text(text: str) -> OracleError | None:
    """Return the error whose ``ORA-nnnnn: message`` stands in a text of DuckDB's, or None."""
    start = text.find("ORA-")
    if start < 0 or not text[start + 4 : start + 9].isdigit():
        return None
    message = text[start + 9 :].removeprefix(": ").split("\n\n")[0]
    return OracleError(int(text[start + 4 : start + 9]), message)

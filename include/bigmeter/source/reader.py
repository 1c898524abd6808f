"""One branch read from Oracle: all batches at one moment, checked, one row per customer.

The caller opens the connection and closes it. Nothing that came from a row is ever put into a message: only the
branch, the month, counts and our own column names are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import oracledb

from include.bigmeter.errors import ConfigError, DataContractError, SourceFailed, SourceRefused
from include.bigmeter.periods import Ym, dashed
from include.bigmeter.records import (
    MEMBER_COLUMNS,
    READING_COLUMNS,
    CohortMember,
    CohortRead,
    MeterReading,
    MonthRead,
)
from include.bigmeter.source.columns import CUST_CODE, USAGE, is_number, locate_columns
from include.bigmeter.source.failures import error_codes, source_errors
from include.bigmeter.source.ranking import Values, precedence, rank_by_usage
from include.bigmeter.source.rewriting.draft import DEBT_YM, ORG_OWNER_ID
from include.bigmeter.source.rows import RowParser
from include.bigmeter.source.snapshot import Snapshot, milliseconds, read_only_snapshot
from include.bigmeter.source.template import (
    MONTHLY_COLUMNS,
    YEARLY_COLUMNS,
    MonthlyTemplate,
    YearlyTemplate,
)

# A customer comes in one row, rarely in several; a batch still fits one round trip when all come in four.
ROWS_PER_CUSTOMER = 4
FULL_SCAN_ROWS = 1000  # rows a round trip where all of a branch's bills have to be read

_READ_COLUMNS = tuple(name for name in READING_COLUMNS if name not in ("year_month", "branch_code"))
_MEMBER_ROW_COLUMNS = tuple(name for name in MEMBER_COLUMNS if name not in ("fiscal_year", "branch_code", "usage_rank"))


def read_month(
    connection: oracledb.Connection,
    template: MonthlyTemplate,
    *,
    branch_code: str,
    ym: Ym,
    debt_ym: str,
    cust_codes: Sequence[str],
    batch_size: int,
    call_timeout_s: float,
) -> MonthRead:
    """Read the month's bills of a branch's cohort, all batches at one moment.

    Of several live rows of a customer the one with the highest usage is kept, then the greatest meter number, then
    the greatest of the remaining columns in order; nulls are lowest.

    :param connection: an open connection without a transaction; it is left without one.
    :param debt_ym: the month as Oracle has it; every row must carry it.
    :param cust_codes: the cohort; no other customer may come back.
    :param batch_size: customers a statement, 1 to 1000.
    :param call_timeout_s: the most that one round trip may take; 0 is no limit.
    :returns: the readings in the order of their customer codes.
    :raises ConfigError: if a column is missing or of the wrong type.
    :raises DataContractError: if a row has no key, another month, a customer not asked for, or no finite number.
    :raises SourceUnavailable: if Oracle cannot answer now.
    :raises SourceRefused: if Oracle refuses the statement.
    """
    where = f"{branch_code} {dashed(ym)}"
    sql = template.statement(batch_size)
    codes = list(dict.fromkeys(cust_codes))
    fixed = _fixed_binds(template.binds, branch_code, debt_ym)
    kept: dict[str, Values] = {}
    rows_read = 0
    with read_only_snapshot(connection, where, call_timeout_s, batch_size * ROWS_PER_CUSTOMER + 1) as snapshot:
        for start in range(0, len(codes), batch_size):
            batch = codes[start : start + batch_size]
            padded = batch + batch[-1:] * (batch_size - len(batch))
            snapshot.execute(sql, fixed | {f"C{number}": code for number, code in enumerate(padded)})
            parser = RowParser(_columns(snapshot, template.name, MONTHLY_COLUMNS), _READ_COLUMNS, where, debt_ym)
            asked = frozenset(batch)
            for values in map(parser.parse, snapshot.iter_rows()):
                code = values[CUST_CODE]
                if code not in asked:
                    raise DataContractError(
                        f"{where}: {template.name} returned a customer that was not asked for; "
                        "is the customer filter in the right SELECT?"
                    )
                rows_read += 1
                if code not in kept or precedence(values) > precedence(kept[code]):
                    kept[code] = values
    readings = tuple(
        MeterReading(year_month=ym, branch_code=branch_code, **values) for _, values in sorted(kept.items())
    )
    return MonthRead(readings=readings, duplicates=rows_read - len(readings), cost=snapshot.cost())


def read_cohort(
    connection: oracledb.Connection,
    template: YearlyTemplate,
    *,
    branch_code: str,
    fiscal_year: int,
    debt_ym: str,
    cohort_size: int,
    call_timeout_s: float,
) -> CohortRead:
    """Read a branch's largest customers of the debt month, at most ``cohort_size`` distinct ones.

    They are ranked here: usage falling, then customer code rising in binary order; only usage above 0 enters. Reading
    stops early where the template's own order proves that nothing larger follows and no tie at the last rank is open;
    without that order every row of the branch is read.

    :param connection: an open connection without a transaction; it is left without one.
    :param debt_ym: the October as Oracle has it; every row must carry it.
    :param call_timeout_s: the most that one round trip may take; 0 is no limit.
    :returns: the members from the largest on, and how many rows repeated one of them.
    :raises ConfigError: if a column is missing or of the wrong type.
    :raises DataContractError: if a row has no key, another month or no finite number.
    :raises SourceUnavailable: if Oracle cannot answer now.
    :raises SourceRefused: if Oracle refuses the statement.
    """
    where = f"{branch_code} fiscal year {fiscal_year}"
    rows_per_trip = cohort_size * 2 + 1
    if not template.is_ordered_by_usage:
        rows_per_trip = max(rows_per_trip, FULL_SCAN_ROWS)
    with read_only_snapshot(connection, where, call_timeout_s, rows_per_trip) as snapshot:
        snapshot.execute(template.statement, _fixed_binds(template.binds, branch_code, debt_ym))
        places = _columns(snapshot, template.name, YEARLY_COLUMNS)
        parser = RowParser(places, _MEMBER_ROW_COLUMNS, where, debt_ym)
        rows = map(parser.parse, snapshot.iter_rows())
        is_ordered = template.is_ordered_by_usage and is_number(snapshot.description()[places[USAGE]])
        ranked, duplicates = rank_by_usage(rows, cohort_size, is_ordered=is_ordered)
    members = tuple(
        CohortMember(fiscal_year=fiscal_year, branch_code=branch_code, usage_rank=rank, **values)
        for rank, values in enumerate(ranked, start=1)
    )
    return CohortRead(members=members, duplicates=duplicates, cost=snapshot.cost())


def check_templates(
    connection: oracledb.Connection,
    monthly: MonthlyTemplate,
    yearly: YearlyTemplate,
    batch_size: int,
    call_timeout_s: float,
) -> None:
    """Have Oracle describe both templates without running them, and check their columns.

    :param batch_size: customers a statement, as the months will be read.
    :param call_timeout_s: the most that one round trip may take; 0 is no limit.
    :raises ConfigError: with the template's name and, where Oracle refuses it, the code and the line.
    :raises SourceUnavailable: if Oracle cannot answer now.
    """
    with source_errors("check"):
        connection.call_timeout = milliseconds(call_timeout_s)
    _check_template(connection, monthly.name, monthly.statement(batch_size), MONTHLY_COLUMNS)
    _check_template(connection, yearly.name, yearly.statement, YEARLY_COLUMNS)


def _check_template(connection: oracledb.Connection, name: str, sql: str, needed: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        try:
            with source_errors(name):
                _parse(cursor, name, sql)
        except (SourceRefused, SourceFailed) as error:
            raise ConfigError(str(error)) from None
        with _named(name):
            locate_columns(cursor.description or (), needed)


def _parse(cursor: oracledb.Cursor, name: str, sql: str) -> None:
    try:
        cursor.parse(sql)
    except oracledb.DatabaseError as error:
        offset = getattr(error.args[0], "offset", 0) if error.args else 0
        code = error_codes(error)[0]
        if not offset or not code.startswith("ORA-"):
            raise
        line = sql.encode()[:offset].count(b"\n") + 1
        raise ConfigError(f"{name}: Oracle refuses the template with {code} at line {line}") from None


def _columns(snapshot: Snapshot, template_name: str, needed: Sequence[str]) -> Mapping[str, int]:
    with _named(template_name):
        return locate_columns(snapshot.description(), needed)


def _fixed_binds(used: frozenset[str], branch_code: str, debt_ym: str) -> dict[str, str]:
    # As text: Oracle turns it into a number for a NUMBER column, while a number bound against a text column would
    # disable its index. The driver refuses a bind that the text does not name.
    binds = {ORG_OWNER_ID: branch_code, DEBT_YM: debt_ym}
    return {name: value for name, value in binds.items() if name in used}


@contextmanager
def _named(template_name: str) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{template_name}: {error}") from None

"""One branch read from Oracle: all batches at one moment, checked, one row per customer.

The caller opens the connection and closes it. Nothing that came from a row is ever put into a message: only the
branch, the month, counts and our own column names are.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

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
    SourceCost,
)
from include.bigmeter.source.columns import (
    CUST_CODE,
    NUMBER_COLUMNS,
    TRIMMED_COLUMNS,
    USAGE,
    is_number,
    locate_columns,
)
from include.bigmeter.source.columns import DEBT_YM as DEBT_YM_COLUMN
from include.bigmeter.source.failures import error_codes, source_errors
from include.bigmeter.source.template import (
    DEBT_YM,
    MONTHLY_COLUMNS,
    ORG_OWNER_ID,
    YEARLY_COLUMNS,
    MonthlyTemplate,
    YearlyTemplate,
)

# A customer comes in one row, rarely in several; a batch still fits one round trip when all come in four.
ROWS_PER_CUSTOMER = 4
FULL_SCAN_ROWS = 1000  # rows a round trip where all of a branch's bills have to be read

_NUMBER_TEXT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_READ_COLUMNS = tuple(name for name in READING_COLUMNS if name not in ("year_month", "branch_code"))
_MEMBER_ROW_COLUMNS = tuple(name for name in MEMBER_COLUMNS if name not in ("fiscal_year", "branch_code", "usage_rank"))

Values = dict[str, Any]


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
    found: dict[str, tuple[tuple[Any, ...], MeterReading]] = {}
    rows_read = 0
    with _snapshot(connection, where, call_timeout_s, batch_size * ROWS_PER_CUSTOMER + 1) as snapshot:
        for start in range(0, len(codes), batch_size):
            batch = codes[start : start + batch_size]
            padded = batch + batch[-1:] * (batch_size - len(batch))
            snapshot.execute(sql, fixed | {f"C{number}": code for number, code in enumerate(padded)})
            parser = _RowParser(snapshot.columns(template.name, MONTHLY_COLUMNS), _READ_COLUMNS, where, debt_ym)
            asked = frozenset(batch)
            for row in snapshot.iter_rows():
                values = parser.parse(row)
                if values[CUST_CODE] not in asked:
                    raise DataContractError(
                        f"{where}: {template.name} returned a customer that was not asked for; "
                        "is the customer filter in the right SELECT?"
                    )
                rows_read += 1
                reading = MeterReading(year_month=ym, branch_code=branch_code, **values)
                precedence = _precedence(values)
                kept = found.get(reading.cust_code)
                if kept is None or precedence > kept[0]:
                    found[reading.cust_code] = (precedence, reading)
    readings = tuple(reading for _, (_, reading) in sorted(found.items()))
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
    without that order every row of the branch is read. A template without a usage column is taken in its own order.

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
    with _snapshot(connection, where, call_timeout_s, rows_per_trip) as snapshot:
        snapshot.execute(template.statement, _fixed_binds(template.binds, branch_code, debt_ym))
        places = _yearly_columns(snapshot, template)
        parser = _RowParser(places, _MEMBER_ROW_COLUMNS, where, debt_ym)
        rows = map(parser.parse, snapshot.iter_rows())
        if USAGE in places:
            is_ordered = template.is_ordered_by_usage and is_number(snapshot.description()[places[USAGE]])
            ranked, duplicates = _rank_by_usage(rows, cohort_size, is_ordered=is_ordered)
        else:
            ranked, duplicates = _rank_as_ordered(rows, cohort_size)
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
    call_timeout_s: float = 60,
) -> None:
    """Have Oracle describe both templates without running them, and check their columns.

    :param batch_size: customers a statement, as the months will be read.
    :param call_timeout_s: the most that one round trip may take; 0 is no limit.
    :raises ConfigError: with the template's name and, where Oracle refuses it, the code and the line.
    :raises SourceUnavailable: if Oracle cannot answer now.
    """
    with source_errors("check"):
        connection.call_timeout = _milliseconds(call_timeout_s)
    _check_template(connection, monthly.name, monthly.statement(batch_size), MONTHLY_COLUMNS)
    places = _check_template(connection, yearly.name, yearly.statement, YEARLY_COLUMNS)
    _check_rankable(yearly, places)


def _check_template(connection: oracledb.Connection, name: str, sql: str, needed: Sequence[str]) -> Mapping[str, int]:
    with connection.cursor() as cursor:
        try:
            with source_errors(name):
                _parse(cursor, name, sql)
        except (SourceRefused, SourceFailed) as error:
            raise ConfigError(str(error)) from None
        with _named(name):
            return locate_columns(cursor.description or (), needed)


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


def _yearly_columns(snapshot: _Snapshot, template: YearlyTemplate) -> Mapping[str, int]:
    places = snapshot.columns(template.name, YEARLY_COLUMNS)
    _check_rankable(template, places)
    return places


def _check_rankable(template: YearlyTemplate, places: Mapping[str, int]) -> None:
    if USAGE not in places and not template.is_ordered:
        raise ConfigError(
            f"{template.name}: neither the column present_water_usg (หน่วยน้ำปัจจุบัน) nor an ORDER BY says who is largest"
        )


# -- ranks and precedence ------------------------------------------------------------------------------------------


def _rank_by_usage(rows: Iterator[Values], cohort_size: int, *, is_ordered: bool) -> tuple[list[Values], int]:
    """Return the largest distinct customers and how many of the rows read repeated one of them."""
    best: dict[str, Values] = {}
    row_counts: Counter[str] = Counter()
    lowest: Decimal | None = None  # the last usage seen, while the rows keep falling
    for values in rows:
        usage = values[USAGE]
        if usage is None:  # Oracle may put nulls first
            continue
        is_ordered = is_ordered and (lowest is None or usage <= lowest)
        if is_ordered and (usage <= 0 or (len(best) >= cohort_size and lowest is not None and usage < lowest)):
            break
        lowest = usage
        if usage <= 0:
            continue
        code = values[CUST_CODE]
        row_counts[code] += 1
        if code not in best or _precedence(values) > _precedence(best[code]):
            best[code] = values
        if len(best) > cohort_size * 4 + FULL_SCAN_ROWS:
            # What falls out here has enough larger customers above it for good: memory stays that of a cohort.
            best = {member[CUST_CODE]: member for member in _largest(best, cohort_size)}
    members = _largest(best, cohort_size)
    return members, sum(row_counts[member[CUST_CODE]] - 1 for member in members)


def _largest(best: Mapping[str, Values], cohort_size: int) -> list[Values]:
    # copy_negate, since the minus sign is arithmetic and would round to 28 digits
    return sorted(best.values(), key=lambda values: (values[USAGE].copy_negate(), values[CUST_CODE]))[:cohort_size]


def _rank_as_ordered(rows: Iterator[Values], cohort_size: int) -> tuple[list[Values], int]:
    members: dict[str, Values] = {}
    duplicates = 0
    for values in rows:
        if values[CUST_CODE] in members:
            duplicates += 1
        elif len(members) < cohort_size:
            members[values[CUST_CODE]] = values
        else:
            break
    return list(members.values()), duplicates


def _precedence(values: Values) -> tuple[Any, ...]:
    """Return what orders several live rows of one customer; the greatest is kept, nulls are lowest."""
    ordered = (values[USAGE], values["meter_no"], *(value for name, value in values.items() if name != USAGE))
    return tuple((value is not None, value) for value in ordered)


# -- rows --------------------------------------------------------------------------------------------------------------


class _RowParser:
    """Turns rows into values by column name, and refuses what the query must not return."""

    def __init__(self, places: Mapping[str, int], columns: Sequence[str], where: str, debt_ym: str) -> None:
        self._columns = [(name, places.get(name), _converter(name)) for name in columns]
        self._where = where
        self._debt_ym = debt_ym
        self._has_debt_ym = DEBT_YM_COLUMN in places

    def parse(self, row: Sequence[Any]) -> Values:
        """Return the values of a row; a column that the template lacks is None, but the month is the one asked for."""
        values: Values = {}
        for name, place, convert in self._columns:
            value = None if place is None else row[place]
            try:
                values[name] = None if value is None else convert(value)
            except ValueError:
                raise DataContractError(f"{self._where}: a value of {name} from Oracle is no finite number") from None
        if values[CUST_CODE] is None:
            raise DataContractError(f"{self._where}: a row from Oracle has no cust_code")
        if not self._has_debt_ym:
            values[DEBT_YM_COLUMN] = self._debt_ym
        elif values[DEBT_YM_COLUMN] != self._debt_ym:
            raise DataContractError(
                f"{self._where}: a row from Oracle is of another month than {self._debt_ym}; "
                "does the template filter by DEBT_YM, and is DEBT_YM_ERA right?"
            )
        return values


def _converter(name: str) -> Callable[[Any], Any]:
    if name in NUMBER_COLUMNS:
        return _exact_number
    return _trimmed if name in TRIMMED_COLUMNS else _same


def _exact_number(value: Decimal | float | str) -> Decimal:
    """Return a number digit for digit; Decimal's constructor does not round, unlike its arithmetic.

    :raises ValueError: for NaN, an infinity, or text that is no plain number.
    """
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER_TEXT.fullmatch(value):
            raise ValueError
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise ValueError
    return number


def _trimmed(value: str) -> str | None:
    return value.rstrip(" ") or None


def _same(value: str) -> str:
    return value


def _fixed_binds(used: frozenset[str], branch_code: str, debt_ym: str) -> dict[str, str]:
    # As text: Oracle turns it into a number for a NUMBER column, while a number bound against a text column would
    # disable its index. The driver refuses a bind that the text does not name.
    binds = {ORG_OWNER_ID: branch_code, DEBT_YM: debt_ym}
    return {name: value for name, value in binds.items() if name in used}


# -- the session -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Snapshot:
    """A read-only transaction and what it has cost so far."""

    cursor: oracledb.Cursor
    rows_per_trip: int
    started: float = field(default_factory=time.monotonic)
    round_trips: int = 0
    is_measured: bool = False
    seconds: float = 0.0

    def execute(self, sql: str, binds: Mapping[str, str]) -> None:
        self._count_call()
        self.cursor.execute(sql, dict(binds))

    def description(self) -> list[oracledb.FetchInfo]:
        return self.cursor.description or []

    def columns(self, template_name: str, needed: Sequence[str]) -> Mapping[str, int]:
        with _named(template_name):
            return locate_columns(self.description(), needed)

    def iter_rows(self) -> Iterator[Sequence[Any]]:
        while rows := self.cursor.fetchmany(self.rows_per_trip):
            yield from rows
            if len(rows) < self.rows_per_trip:
                return
            self._count_call()

    def end(self, connection: oracledb.Connection) -> None:
        self._count_call()
        # Everything is read or lost by now: a line that breaks here must not hide the first error.
        with suppress(oracledb.Error):
            connection.rollback()

    def cost(self) -> SourceCost:
        return SourceCost(seconds=self.seconds, round_trips=self.round_trips)

    def _count_call(self) -> None:
        if not self.is_measured:
            self.round_trips += 1


@contextmanager
def _snapshot(
    connection: oracledb.Connection, where: str, call_timeout_s: float, rows_per_trip: int
) -> Iterator[_Snapshot]:
    """Open a read-only transaction, so that every statement in it sees the same moment, and end it by rollback.

    Its driver errors leave as ours.
    """
    with source_errors(where):
        connection.call_timeout = _milliseconds(call_timeout_s)
        connection.autocommit = False
        with connection.cursor() as cursor:
            # Asking for more rows than can come makes Oracle say at once that there are no more: one round trip.
            cursor.arraysize = cursor.prefetchrows = rows_per_trip
            cursor.outputtypehandler = _as_decimal
            snapshot = _Snapshot(cursor, rows_per_trip)
            with _counted_round_trips(connection, snapshot):
                try:
                    snapshot.execute("SET TRANSACTION READ ONLY", {})
                    yield snapshot
                except (oracledb.Error, ConfigError, DataContractError):
                    snapshot.end(connection)
                    raise
                else:  # and not after a time-out from outside: a reply may still be under way
                    snapshot.end(connection)
                finally:
                    snapshot.seconds = time.monotonic() - snapshot.started


@contextmanager
def _counted_round_trips(connection: oracledb.Connection, snapshot: _Snapshot) -> Iterator[None]:
    """Have the driver count its round trips where it can (thin mode from 26.1 on), else count our own calls."""
    if not (connection.thin and hasattr(connection, "round_trip_callback")):
        yield
        return
    previous = connection.round_trip_callback

    def count(name: str) -> object:
        snapshot.round_trips += 1
        return None if previous is None else previous(name)

    snapshot.is_measured = True
    connection.round_trip_callback = count
    try:
        yield
    finally:
        with suppress(oracledb.Error):  # on a lost connection it cannot be set, and need not be
            connection.round_trip_callback = previous


def _as_decimal(cursor: oracledb.Cursor, column: oracledb.FetchInfo) -> oracledb.Var | None:
    if column.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(Decimal, arraysize=cursor.arraysize)
    return None


@contextmanager
def _named(template_name: str) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{template_name}: {error}") from None


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)

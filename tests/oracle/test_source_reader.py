"""The reader on the real driver: batches, round trips, exact values, what it refuses, and how failures reach us."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import oracledb
import pytest

from dev.oracle_standin.backend import OracleError, Result
from dev.oracle_standin.server import StandinServer
from dev.oracle_standin.values import Bind, Column, OracleType, Value
from include.bigmeter.errors import (
    BigmeterError,
    ConfigError,
    DataContractError,
    SourceFailed,
    SourceRefused,
    SourceUnavailable,
)
from include.bigmeter.periods import Ym
from include.bigmeter.records import CohortRead, MonthRead
from include.bigmeter.source.reader import check_templates, read_cohort, read_month
from include.bigmeter.source.template import (
    MonthlyTemplate,
    YearlyTemplate,
    parse_monthly_template,
    parse_yearly_template,
)
from tests.oracle.conftest import Connect
from tests.oracle.scripted_backend import ScriptedBackend, number_column, query_result, text_column

# The driver forgets to close its own socket when the server resets the line.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

POISON = "นายพิษ ห้ามรั่ว"
MONTHLY = parse_monthly_template(
    'SELECT trn.CUST_CODE, trn.METER_NO AS meter_no, trn.NAME AS "ชื่อผู้ใช้น้ำ", trn.PRESENT_WATER_USG, trn.DEBT_YM '
    "FROM bills trn WHERE trn.ORG_OWNER_ID = :org_owner_id AND trn.DEBT_YM = :Debt_Ym /*__CUSTCODE_FILTER__*/",
    "details.sql",
)
YEARLY = parse_yearly_template(
    "SELECT trn.CUST_CODE, trn.METER_NO AS meter_no, trn.NAME AS cust_name, trn.PRESENT_WATER_USG, trn.DEBT_YM "
    "FROM bills trn WHERE trn.ORG_OWNER_ID = :ORG_OWNER_ID AND trn.DEBT_YM = :DEBT_YM ORDER BY 4 DESC NULLS LAST",
    "minimal.sql",
)
UNORDERED = parse_yearly_template(YEARLY.statement.replace("ORDER BY 4 DESC NULLS LAST", ""), "unordered.sql")
COLUMNS = (
    text_column("CUST_CODE", 11),
    text_column("METER_NO"),
    text_column("ชื่อผู้ใช้น้ำ"),
    number_column("PRESENT_WATER_USG"),
    text_column("DEBT_YM", 6),
)
Row = tuple[Value, ...]


def a_code(number: int) -> str:
    return f"1063{number:07}"


def a_row(code: str, usage: object = 10, *, meter: str | None = "M1", month: str = "256809") -> Row:
    return (code, meter, POISON, None if usage is None else Decimal(str(usage)), month)


@dataclass
class Bills:
    """The table behind both templates: rows of the customers that are bound, or all of them."""

    backend: ScriptedBackend
    rows: list[Row] = field(default_factory=list)
    columns: tuple[Column, ...] = COLUMNS

    def answer(self, binds: Sequence[Bind]) -> Result:
        codes = {bind.value for bind in binds if bind.name.startswith("C")}
        return query_result(self.columns, [row for row in self.rows if not codes or row[0] in codes])

    def serve(self, *statements: str) -> None:
        for statement in statements:
            self.on(statement, self.answer)

    def on(self, statement: str, answer: Callable[[Sequence[Bind]], Result]) -> None:
        """Answer a statement."""
        self.backend.answers[statement] = answer


@pytest.fixture
def bills(backend: ScriptedBackend) -> Bills:
    table = Bills(backend)
    table.serve(YEARLY.statement, UNORDERED.statement, *(MONTHLY.statement(size) for size in (1, 3, 100, 999, 1000)))
    return table


def month(
    connection: oracledb.Connection, cust_codes: Sequence[str], batch_size: int = 100, **options: Any
) -> MonthRead:
    template: MonthlyTemplate = options.pop("template", MONTHLY)
    arguments: dict[str, Any] = {
        "branch_code": "1063", "ym": Ym("202509"), "debt_ym": "256809", "call_timeout_s": 30,
    } | options  # fmt: skip
    return read_month(connection, template, cust_codes=cust_codes, batch_size=batch_size, **arguments)


def cohort(connection: oracledb.Connection, template: YearlyTemplate = YEARLY, cohort_size: int = 200) -> CohortRead:
    return read_cohort(
        connection,
        template,
        branch_code="1063",
        fiscal_year=2026,
        debt_ym="256809",
        cohort_size=cohort_size,
        call_timeout_s=30,
    )


def selects(backend: ScriptedBackend) -> list[tuple[Bind, ...]]:
    return [binds for text, binds in backend.executed if text.startswith("SELECT")]


# -- batches and round trips -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes",
    [
        (1, 100, 1),
        (99, 100, 1),
        (100, 100, 1),
        (101, 100, 2),
        (200, 100, 2),
        (999, 1000, 1),
        (1001, 1000, 2),
        (3, 1, 3),
    ],
    ids="{0[0]} customers by {0[1]}".format,
)
def test_a_batch_is_one_round_trip_and_the_template_one_statement(
    bills: Bills, server: StandinServer, connection: oracledb.Connection, sizes: tuple[int, int, int]
) -> None:
    customers, batch_size, batches = sizes
    codes = [a_code(number) for number in range(customers)]
    bills.rows = [a_row(code) for code in codes]
    server.counters.reset()
    read = month(connection, codes, batch_size)
    counts = server.counters.read()
    assert [reading.cust_code for reading in read.readings] == codes
    assert counts.round_trips == read.cost.round_trips == batches + 2
    assert counts.fetches == 0
    assert server.counters.statements() == {"SET TRANSACTION READ ONLY", MONTHLY.statement(batch_size)}
    assert read.duplicates == 0
    assert 0 < read.cost.seconds < 30


def test_a_batch_with_all_its_duplicates_is_still_one_round_trip(
    bills: Bills, server: StandinServer, connection: oracledb.Connection
) -> None:
    codes = [a_code(number) for number in range(100)]
    bills.rows = [a_row(code, meter=f"M{meter}") for code in codes for meter in range(4)]
    server.counters.reset()
    read = month(connection, codes)
    assert len(read.readings) == 100
    assert read.duplicates == 300
    assert server.counters.read().round_trips == 3


def test_more_rows_than_fit_a_round_trip_are_all_read(bills: Bills, connection: oracledb.Connection) -> None:
    bills.rows = [a_row(a_code(1), meter=f"{meter:05}") for meter in range(2500)]
    read = month(connection, [a_code(1)], 3)
    assert [reading.meter_no for reading in read.readings] == ["02499"]
    assert read.duplicates == 2499


def test_the_last_batch_is_padded_by_repeating_a_code(bills: Bills, connection: oracledb.Connection) -> None:
    bills.rows = [a_row(a_code(number)) for number in range(4)]
    month(connection, [a_code(number) for number in range(4)], 3)
    assert [[bind.value for bind in binds if bind.name.startswith("C")] for binds in selects(bills.backend)] == [
        [a_code(0), a_code(1), a_code(2)],
        [a_code(3), a_code(3), a_code(3)],
    ]


def test_every_bind_is_text(bills: Bills, connection: oracledb.Connection) -> None:
    month(connection, [a_code(0)], 3)
    ((branch, debt_month, *codes),) = selects(bills.backend)
    assert (branch.value, debt_month.value) == ("1063", "256809")
    assert {bind.type for bind in (branch, debt_month, *codes)} == {OracleType.VARCHAR2}


def test_a_code_asked_for_twice_is_read_once(bills: Bills, connection: oracledb.Connection) -> None:
    bills.rows = [a_row(a_code(0)), a_row(a_code(1))]
    read = month(connection, [a_code(0), a_code(1), a_code(0), a_code(1)], 3)
    assert (len(read.readings), read.duplicates) == (2, 0)
    assert len(selects(bills.backend)) == 1


def test_all_batches_lie_in_one_read_only_transaction(bills: Bills, connection: oracledb.Connection) -> None:
    month(connection, [a_code(number) for number in range(5)], 1)
    texts = [text.split()[0] for text, _ in bills.backend.executed]
    assert texts == ["SET", *["SELECT"] * 5]
    assert bills.backend.transactions == ["rollback"]


def test_the_callers_own_round_trip_callback_is_called_and_kept(bills: Bills, connection: oracledb.Connection) -> None:
    seen: list[str] = []
    connection.round_trip_callback = seen.append
    read = month(connection, [a_code(0)])
    assert len(seen) == read.cost.round_trips == 3
    assert connection.round_trip_callback == seen.append


@pytest.mark.parametrize("size", [0, 1001])
def test_a_batch_size_that_cannot_be_is_refused_before_anything_runs(
    bills: Bills, connection: oracledb.Connection, size: int
) -> None:
    with pytest.raises(ConfigError, match=f"batch_size: {size}"):
        month(connection, [a_code(0)], size)
    assert bills.backend.executed == []


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    ["0", "-1.5", "12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678", "-9E+120"],
)
def test_numbers_come_exact_to_their_last_digit(bills: Bills, connection: oracledb.Connection, number: str) -> None:
    bills.rows = [a_row(a_code(0), number)]
    (reading,) = month(connection, [a_code(0)]).readings
    assert isinstance(reading.present_water_usg, Decimal)
    assert reading.present_water_usg == Decimal(number)


def test_a_reading_has_what_was_asked_for_and_null_where_the_template_has_nothing(
    bills: Bills, connection: oracledb.Connection
) -> None:
    bills.rows = [a_row(a_code(0), None, meter="000008 ", month="256809")]
    (reading,) = month(connection, [a_code(0)]).readings
    assert (reading.year_month, reading.branch_code, reading.debt_ym) == ("202509", "1063", "256809")
    assert (reading.cust_name, reading.meter_no, reading.present_water_usg) == (POISON, "000008 ", None)
    assert (reading.address, reading.average, reading.org_name) == (None, None, None)


def test_blanks_that_pad_a_code_or_a_month_are_cut(bills: Bills, connection: oracledb.Connection) -> None:
    bills.columns = (Column("CUST_CODE", OracleType.CHAR, 14), *COLUMNS[1:4], Column("DEBT_YM", OracleType.CHAR, 8))
    bills.rows = [a_row(a_code(0), month="256809  ")]

    def padded(_: Sequence[Bind]) -> Result:
        return query_result(bills.columns, [(a_code(0).ljust(14), *row[1:]) for row in bills.rows])

    bills.on(MONTHLY.statement(100), padded)
    (reading,) = month(connection, [a_code(0)]).readings
    assert (reading.cust_code, reading.debt_ym) == (a_code(0), "256809")


def test_of_several_rows_the_highest_usage_then_the_greatest_meter_wins(
    bills: Bills, connection: oracledb.Connection
) -> None:
    code = a_code(0)
    bills.rows = [
        a_row(code, None, meter="Z"), a_row(code, 5, meter="B"), a_row(code, 5, meter="C"), a_row(code, 5, meter=None),
        a_row(code, 4, meter="D"),
    ]  # fmt: skip
    read = month(connection, [code])
    assert [(row.present_water_usg, row.meter_no) for row in read.readings] == [(Decimal(5), "C")]
    assert read.duplicates == 4


# -- what a row must not be --------------------------------------------------------------------------------------------


def refuse(bills: Bills, connection: oracledb.Connection, row: Row) -> str:
    """Return why a month with this row in its second batch is refused; nothing of the row may be in it."""
    bills.rows = [a_row(a_code(0)), row]
    bills.on(
        MONTHLY.statement(1),
        lambda binds: query_result(bills.columns, bills.rows[:1] if binds[-1].value == a_code(0) else bills.rows[1:]),
    )
    with pytest.raises(DataContractError) as caught:
        month(connection, [a_code(0), a_code(1)], 1)
    shown = "".join(traceback.format_exception(caught.value))
    assert POISON not in shown
    assert bills.backend.transactions == ["rollback"]
    return str(caught.value)


def test_a_customer_that_was_not_asked_for_is_refused(bills: Bills, connection: oracledb.Connection) -> None:
    message = refuse(bills, connection, a_row(POISON[:6]))
    assert message.startswith("1063 2025-09: details.sql returned a customer that was not asked for")


def test_a_customer_of_another_batch_is_refused(bills: Bills, connection: oracledb.Connection) -> None:
    assert "was not asked for" in refuse(bills, connection, a_row(a_code(0)))


def test_a_row_of_another_month_is_refused(bills: Bills, connection: oracledb.Connection) -> None:
    assert "of another month than 256809" in refuse(bills, connection, a_row(a_code(1), month="256808"))


def test_a_row_without_a_customer_code_is_refused(bills: Bills, connection: oracledb.Connection) -> None:
    assert "has no cust_code" in refuse(bills, connection, (None, "M", POISON, Decimal(1), "256809"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_usage_that_is_no_finite_number_is_refused(
    bills: Bills, connection: oracledb.Connection, value: float
) -> None:
    row = (a_code(1), "M", POISON, value, "256809")
    bills.columns = (*COLUMNS[:3], Column("PRESENT_WATER_USG", OracleType.BINARY_DOUBLE), COLUMNS[4])
    bills.rows = [(*a_row(a_code(0))[:3], 1.5, "256809"), row]
    with pytest.raises(DataContractError, match="a value of present_water_usg from Oracle is no finite number"):
        month(connection, [a_code(0), a_code(1)])


def test_text_where_a_number_belongs_is_refused_without_quoting_it(
    bills: Bills, connection: oracledb.Connection
) -> None:
    bills.columns = (*COLUMNS[:3], text_column("PRESENT_WATER_USG"), COLUMNS[4])
    bills.rows = [(a_code(0), "M", POISON, POISON, "256809")]
    with pytest.raises(DataContractError) as caught:
        month(connection, [a_code(0)])
    assert POISON not in str(caught.value)


def test_a_null_column_described_as_text_is_null(bills: Bills, connection: oracledb.Connection) -> None:
    bills.columns = (*COLUMNS[:3], Column("PRESENT_WATER_USG", OracleType.VARCHAR2, 0), COLUMNS[4])
    bills.rows = [(a_code(0), "M", POISON, None, "256809")]
    assert month(connection, [a_code(0)]).readings[0].present_water_usg is None


def test_a_customer_code_that_is_a_number_is_refused(bills: Bills, connection: oracledb.Connection) -> None:
    bills.columns = (number_column("CUST_CODE"), *COLUMNS[1:])
    with pytest.raises(ConfigError, match=r"^details\.sql: the column cust_code .* is NUMBER; it has to be text"):
        month(connection, [a_code(0)])
    assert bills.backend.transactions == ["rollback"]


# -- failures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """A fault, and what it has to become."""

    fault: str
    error: type[BigmeterError]
    code: str


@pytest.mark.parametrize(
    "expected",
    [
        Expected("ora=1555@execute:3", SourceUnavailable, "ORA-01555"),
        Expected("ora=3113@execute:3", SourceUnavailable, "DPY-4011"),
        Expected("drop@execute:3", SourceUnavailable, "DPY-4011"),
        Expected("reset@execute:3", SourceUnavailable, "DPY-4011"),
        Expected("drop@rows:2", SourceUnavailable, "DPY-4011"),
        Expected("ora=1555@rows:2", SourceUnavailable, "ORA-01555"),
        Expected("ora=942@execute:2", SourceRefused, "ORA-00942"),
        Expected("ora=904@execute:3", SourceRefused, "ORA-00904"),
        Expected("ora=1476@execute:3", SourceFailed, "ORA-01476"),
        Expected("ora=1033@execute:1", SourceUnavailable, "ORA-01033"),
    ],
    ids=lambda expected: expected.fault,
)
def test_a_failure_at_any_point_is_ours_with_its_code_only(
    bills: Bills,
    server: StandinServer,
    connection: oracledb.Connection,
    caplog: pytest.LogCaptureFixture,
    expected: Expected,
) -> None:
    bills.rows = [a_row(a_code(number)) for number in range(6)]
    server.faults.add(expected.fault)
    with caplog.at_level(logging.DEBUG), pytest.raises(expected.error, match=expected.code) as caught:
        month(connection, [a_code(number) for number in range(6)], 3)
    assert server.faults.struck == 1
    assert str(caught.value).startswith("1063 2025-09: ")
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert POISON not in shown
    assert "Help:" not in shown


@pytest.mark.parametrize("kind", ["drop", "ora=3135"])
def test_an_error_after_some_rows_is_never_the_end_of_the_rows(
    bills: Bills, server: StandinServer, connection: oracledb.Connection, kind: str
) -> None:
    bills.rows = [a_row(a_code(0), meter=str(meter)) for meter in range(2500)]
    server.faults.add(f"{kind}@rows:2450")
    with pytest.raises(SourceUnavailable, match="DPY-4011"):
        month(connection, [a_code(0)])
    assert server.faults.struck == 1


def test_a_statement_without_an_answer_ends_at_the_call_timeout(
    bills: Bills, server: StandinServer, connection: oracledb.Connection
) -> None:
    server.faults.add("hang@execute:2")
    with pytest.raises(SourceUnavailable, match="DPY-4024"):
        month(connection, [a_code(0)], call_timeout_s=0.3)
    assert server.faults.struck == 1


def test_a_line_lost_at_the_end_of_the_transaction_loses_nothing(
    bills: Bills, server: StandinServer, connection: oracledb.Connection
) -> None:
    bills.rows = [a_row(a_code(0))]

    def drop_afterwards(binds: Sequence[Bind]) -> Result:
        server.faults.add("drop@commit")
        return bills.answer(binds)

    bills.on(MONTHLY.statement(100), drop_afterwards)
    assert len(month(connection, [a_code(0)]).readings) == 1


# -- the cohort --------------------------------------------------------------------------------------------------------


def test_a_cohort_in_order_is_one_round_trip(
    bills: Bills, server: StandinServer, connection: oracledb.Connection
) -> None:
    bills.rows = [a_row(a_code(number), 5000 - number) for number in range(3000)]
    server.counters.reset()
    read = cohort(connection)
    assert [(member.cust_code, member.usage_rank) for member in read.members] == [
        (a_code(number), number + 1) for number in range(200)
    ]
    assert server.counters.read().round_trips == read.cost.round_trips == 3


def test_two_hundred_customers_are_found_where_two_hundred_rows_hold_fewer(
    bills: Bills, connection: oracledb.Connection
) -> None:
    bills.rows = [a_row(a_code(number), 5000 - number, meter=str(meter)) for number in range(300) for meter in range(5)]
    read = cohort(connection)
    assert len(read.members) == len({member.cust_code for member in read.members}) == 200
    assert {member.meter_no for member in read.members} == {"4"}
    assert read.duplicates == 800


def test_a_tie_at_the_last_rank_goes_by_code_though_it_crosses_a_round_trip(
    bills: Bills, connection: oracledb.Connection
) -> None:
    bills.rows = [a_row(a_code(number), 7) for number in reversed(range(900))]
    assert [member.cust_code for member in cohort(connection).members] == [a_code(number) for number in range(200)]


@pytest.mark.parametrize("template", [YEARLY, UNORDERED])
def test_rows_in_no_order_are_all_read(bills: Bills, connection: oracledb.Connection, template: YearlyTemplate) -> None:
    bills.rows = [a_row(a_code(number), number + 1) for number in range(2500)]
    read = cohort(connection, template)
    assert [member.cust_code for member in read.members] == [a_code(number) for number in range(2499, 2299, -1)]


def test_nulls_first_as_oracle_sorts_them_and_zeros_do_not_enter(bills: Bills, connection: oracledb.Connection) -> None:
    bills.rows = [a_row(a_code(9), None), a_row(a_code(1), 5), a_row(a_code(2), 0), a_row(a_code(3), -1)]
    read = cohort(connection)
    assert [(member.cust_code, member.present_water_usg) for member in read.members] == [(a_code(1), Decimal(5))]


def test_a_member_says_what_it_was_chosen_by(bills: Bills, connection: oracledb.Connection) -> None:
    bills.rows = [a_row(a_code(1), "5.5")]
    (member,) = cohort(connection).members
    assert (member.fiscal_year, member.branch_code, member.debt_ym) == (2026, "1063", "256809")
    assert (member.present_water_usg, member.usage_rank, member.cust_name) == (Decimal("5.5"), 1, POISON)


def test_a_template_that_only_orders_by_the_usage_lets_no_zero_and_no_null_in(
    bills: Bills, connection: oracledb.Connection
) -> None:
    template = parse_yearly_template(
        "SELECT DISTINCT trn.CUST_CODE, trn.PRESENT_WATER_USG AS usg FROM bills trn "
        "WHERE trn.ORG_OWNER_ID = :ORG_OWNER_ID AND trn.DEBT_YM = :DEBT_YM ORDER BY usg DESC",
        "codes.sql",
    )
    bills.columns = (COLUMNS[0], number_column("USG"), COLUMNS[3])
    usages = {7: None, 3: 9, 5: 8, 1: 0}
    bills.rows = [(a_code(number), usage, usage) for number, usage in usages.items()]
    bills.serve(template.statement)
    read = cohort(connection, template)
    assert [(row.cust_code, row.usage_rank, row.present_water_usg) for row in read.members] == [
        (a_code(3), 1, Decimal(9)), (a_code(5), 2, Decimal(8)),
    ]  # fmt: skip


def test_a_failure_of_the_yearly_query_names_branch_and_fiscal_year(
    bills: Bills, server: StandinServer, connection: oracledb.Connection
) -> None:
    server.faults.add("ora=1555@execute:2")
    with pytest.raises(SourceUnavailable, match=r"^1063 fiscal year 2026: .*ORA-01555"):
        cohort(connection)


# -- the check before any branch ---------------------------------------------------------------------------------------


def check(connection: oracledb.Connection, monthly: MonthlyTemplate = MONTHLY, yearly: YearlyTemplate = YEARLY) -> None:
    check_templates(connection, monthly, yearly, batch_size=100, call_timeout_s=30)


def test_good_templates_pass_without_being_run(
    bills: Bills, server: StandinServer, connection: oracledb.Connection
) -> None:
    bills.rows = [a_row(a_code(0))]
    server.counters.reset()
    check(connection)
    assert [text for text, _ in bills.backend.executed] == [MONTHLY.statement(100), YEARLY.statement]
    assert [binds for _, binds in bills.backend.executed] == [(), ()]
    assert server.counters.read().rows == 0


def test_a_star_without_the_needed_column_is_found(bills: Bills, connection: oracledb.Connection) -> None:
    bills.columns = COLUMNS[:3]
    starred = parse_monthly_template("SELECT trn.* FROM bills trn WHERE YM = :DEBT_YM", "star.sql")
    bills.serve(starred.statement(100))
    with pytest.raises(ConfigError, match=r"^star\.sql: the column present_water_usg .* is missing"):
        check(connection, starred)


@pytest.mark.parametrize("order", ["", " ORDER BY SIZE_OF_IT DESC"])
def test_a_yearly_star_without_usage_is_found(bills: Bills, connection: oracledb.Connection, order: str) -> None:
    starred = parse_yearly_template(f"SELECT * FROM v WHERE BA = :ORG_OWNER_ID AND YM = :DEBT_YM{order}", "star.sql")
    bills.on(starred.statement, lambda _: query_result(COLUMNS[:3], []))
    with pytest.raises(ConfigError, match=r"^star\.sql: the column present_water_usg .* is missing"):
        check(connection, yearly=starred)
    with pytest.raises(ConfigError, match=r"^star\.sql: the column present_water_usg .* is missing"):
        cohort(connection, starred)


def raising(error: OracleError) -> Callable[[Sequence[Bind]], Result]:
    def answer(_: Sequence[Bind]) -> Result:
        raise error

    return answer


def test_what_oracle_refuses_is_named_with_code_and_line(bills: Bills, connection: oracledb.Connection) -> None:
    text = "SELECT trn.CUST_CODE,\n  trn.PRESENT_WATER_USG\nFROM bills trn\nWHERE trn.NOPE = 1 AND trn.YM = :DEBT_YM"
    template = parse_monthly_template(text, "mine.sql")
    statement = template.statement(100)
    error = OracleError(904, f'"TRN"."NOPE": invalid identifier {POISON}', statement.index("trn.NOPE"))
    bills.on(statement, raising(error))
    with pytest.raises(ConfigError) as caught:
        check(connection, template)
    assert str(caught.value) == "mine.sql: Oracle refuses the template with ORA-00904 at line 4"


def test_a_missing_table_is_a_matter_of_configuration_here(bills: Bills, connection: oracledb.Connection) -> None:
    bills.on(MONTHLY.statement(100), raising(OracleError(942, "table or view does not exist")))
    with pytest.raises(ConfigError, match=r"^details\.sql: .*ORA-00942"):
        check(connection)


def test_an_oracle_that_cannot_answer_now_is_no_fault_of_the_template(
    bills: Bills, connection: oracledb.Connection
) -> None:
    bills.on(MONTHLY.statement(100), raising(OracleError(1033, "ORACLE initialization in progress")))
    with pytest.raises(SourceUnavailable, match="ORA-01033"):
        check(connection)


def test_the_driver_finds_the_same_binds_as_we_do(connect: Connect) -> None:
    with connect().cursor() as cursor:
        for text in (
            "SELECT CUST_CODE, ':X' AS x, PRESENT_WATER_USG FROM t /* :Y */ WHERE YM = :debt_ym -- :Z\n AND a=q'[:V]'",
            "SELECT CUST_CODE, q'!it's :a!' n, PRESENT_WATER_USG FROM t WHERE YM=:Debt_Ym AND \"a:b\" = :ORG_OWNER_ID",
        ):
            template = parse_monthly_template(text, "t.sql")
            cursor.prepare(template.statement(2))
            assert set(cursor.bindnames()) == template.binds | {"C0", "C1"}

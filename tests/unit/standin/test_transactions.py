"""Transactions as Oracle has them: others see changes after commit, a failed statement undoes itself only."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from dev.oracle_standin.backend import OracleError
from dev.oracle_standin.duckdb_backend import DuckDBBackend, DuckDBSession
from tests.unit.standin.asking import a_bind, ask, change, refused

_NAMES = "SELECT NAME FROM METERS ORDER BY ID"
_USAGE = "SELECT USAGE_M3 FROM METERS WHERE ID = 1"


def names(session: DuckDBSession) -> list[object]:
    return [row[0] for row in ask(session, _NAMES)]


def in_thread(work: Callable[[], None]) -> tuple[threading.Thread, list[OracleError]]:
    """Run work in a thread; its ORA error, if any, is in the list at the end."""
    errors: list[OracleError] = []

    def guarded() -> None:
        try:
            work()
        except OracleError as error:
            errors.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    return thread, errors


def test_others_see_a_change_only_after_commit(session: DuckDBSession, other: DuckDBSession) -> None:
    assert change(session, "UPDATE METERS SET NAME = 'new' WHERE ID = 1") == 1
    assert names(session)[0] == "new"
    assert names(other)[0] == "alpha"
    session.commit()
    assert names(other)[0] == "new"


def test_rollback_undoes_insert_update_and_delete(session: DuckDBSession) -> None:
    before = names(session)
    assert change(session, "INSERT INTO METERS (ID, NAME) VALUES (:1, :2)", 9, "nine") == 1
    assert change(session, "UPDATE METERS SET NAME = NAME || '!' WHERE ID <= 2") == 2
    assert change(session, "DELETE FROM METERS WHERE ID = 3") == 1
    assert names(session) == ["alpha!", "beta!", "น้ำพอง", "nine"]
    session.rollback()
    assert names(session) == before


def test_commit_and_rollback_are_statements_too(session: DuckDBSession, other: DuckDBSession) -> None:
    change(session, "DELETE FROM CODES")
    change(session, "ROLLBACK")
    assert len(ask(session, "SELECT 1 FROM CODES")) == 4
    change(session, "DELETE FROM CODES")
    change(session, "COMMIT WORK")
    assert ask(other, "SELECT 1 FROM CODES") == []


def test_a_transaction_is_open_from_the_first_change_to_its_end(session: DuckDBSession) -> None:
    ask(session, _NAMES)
    assert not session.is_in_transaction
    change(session, "UPDATE METERS SET NAME = 'x' WHERE ID = 1")
    assert session.is_in_transaction
    session.commit()
    assert not session.is_in_transaction


def test_a_failed_statement_undoes_itself_and_not_the_transaction(session: DuckDBSession) -> None:
    change(session, "UPDATE METERS SET NAME = 'kept' WHERE ID = 1")
    for sql in (
        "SELECT 1 / 0 FROM DUAL",
        "UPDATE METERS SET USAGE_M3 = 1 / (ID - 3)",
        "INSERT INTO METERS (NAME) VALUES ('no id')",
        "UPDATE METERS SET NAME = RPAD('x', 50, 'x') WHERE ID = 2",
        "SELECT * FROM NO_SUCH",
    ):
        refused(session, sql)
        assert session.is_in_transaction
        assert names(session) == ["kept", "beta", None, "น้ำพอง"]
    assert ask(session, "SELECT COUNT(USAGE_M3) FROM METERS") == ask(session, "SELECT 3 FROM DUAL")
    session.commit()
    assert names(session)[0] == "kept"


def test_each_statement_of_a_transaction_sees_what_others_have_committed(
    session: DuckDBSession, other: DuckDBSession
) -> None:
    change(session, "UPDATE METERS SET NAME = 'mine' WHERE ID = 1")
    change(other, "UPDATE METERS SET NAME = 'yours' WHERE ID = 2")
    other.commit()
    assert names(session)[:2] == ["mine", "yours"]
    session.commit()
    assert names(other)[:2] == ["mine", "yours"]


def test_a_result_belongs_to_the_moment_of_its_execute(session: DuckDBSession, other: DuckDBSession) -> None:
    many = "SELECT a.ID FROM METERS a, METERS b, METERS c, METERS d, METERS e, METERS f"
    rows = session.execute(many, []).rows
    assert rows is not None
    first = list(rows.fetch(10))
    change(other, "DELETE FROM METERS")
    other.commit()
    while chunk := rows.fetch(500):
        first += chunk
    assert len(first) == 4**6
    assert ask(session, many) == []


def test_a_result_outlives_the_next_statement_and_the_commit(session: DuckDBSession) -> None:
    change(session, "UPDATE METERS SET NAME = 'x' WHERE ID = 4")
    rows = session.execute(_NAMES, []).rows
    assert rows is not None
    assert list(rows.fetch(1)) == [("alpha",)]
    change(session, "DELETE FROM METERS")
    session.commit()
    assert [row[0] for row in rows.fetch(10)] == ["beta", None, "x"]


def test_two_results_are_read_in_turns(session: DuckDBSession) -> None:
    many = "SELECT a.ID FROM METERS a, METERS b, METERS c, METERS d, METERS e ORDER BY 1"
    one, two = session.execute(many, []).rows, session.execute(many, []).rows
    assert one is not None
    assert two is not None
    read: dict[int, int] = {0: 0, 1: 0}
    for _ in range(12):
        for index, rows in enumerate((one, two)):
            read[index] += len(rows.fetch(100))
    assert read == {0: 1024, 1: 1024}


def ignored(_result: object, then: Callable[[], None] = lambda: None) -> None:
    """Do the next thing."""
    then()


class TestReadOnly:
    """SET TRANSACTION READ ONLY: all reads until commit or rollback see one moment."""

    def test_the_moment_is_the_statements_own_not_that_of_the_first_read(
        self, session: DuckDBSession, other: DuckDBSession
    ) -> None:
        change(session, "SET TRANSACTION READ ONLY")
        change(other, "UPDATE METERS SET NAME = 'later' WHERE ID = 1")
        other.commit()
        assert names(session)[0] == "alpha"
        change(other, "DELETE FROM METERS")
        other.commit()
        assert names(session)[0] == "alpha"
        assert ask(session, "SELECT COUNT(*) FROM METERS") == ask(session, "SELECT 4 FROM DUAL")
        session.commit()
        assert names(session) == []

    @pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
    def test_commit_and_rollback_end_it(self, session: DuckDBSession, other: DuckDBSession, end: str) -> None:
        change(session, "SET TRANSACTION READ ONLY")
        assert session.is_in_transaction
        change(other, "DELETE FROM METERS")
        other.commit()
        change(session, end)
        assert not session.is_in_transaction
        assert names(session) == []

    def test_a_change_within_it_is_ora_01456(self, session: DuckDBSession) -> None:
        change(session, "SET TRANSACTION READ ONLY")
        for sql in ("DELETE FROM METERS", "UPDATE METERS SET NAME = 'x'", "INSERT INTO CODES (ID) VALUES (1)"):
            assert refused(session, sql).code == 1456
        assert len(names(session)) == 4

    def test_it_must_come_first(self, session: DuckDBSession) -> None:
        change(session, "UPDATE METERS SET NAME = 'x'")
        assert refused(session, "SET TRANSACTION READ ONLY").code == 1453

    def test_it_survives_failed_reads_or_says_that_it_did_not(
        self, session: DuckDBSession, other: DuckDBSession
    ) -> None:
        change(session, "SET TRANSACTION READ ONLY")
        change(other, "UPDATE METERS SET NAME = 'later'")
        other.commit()
        codes = []
        for _ in range(4):
            codes.append(refused(session, "SELECT NAME + 1 FROM METERS").code)
            if codes[-1] != 1555:
                after = session.execute(_NAMES, []).rows if len(codes) < 3 else None
                if after is not None:
                    assert after.fetch(1) == [("alpha",)]
        assert codes == [1722, 1722, 1722, 1555]
        session.rollback()
        assert names(session)[0] == "later"

    def test_a_half_committed_change_is_never_seen(self, database: DuckDBBackend) -> None:
        writer = database.open_session("WRITER")
        writer.set_schema("PWACIS")
        is_over = threading.Event()

        def write() -> None:
            for number in range(60):
                change(writer, "UPDATE METERS SET USAGE_M3 = :n WHERE ID = 1", number)
                change(writer, "UPDATE CODES SET CODE = :n WHERE ID = 3", str(number))
                writer.commit()
            is_over.set()

        reader = database.open_session("READER")
        reader.set_schema("PWACIS")
        change(writer, "UPDATE METERS SET USAGE_M3 = 0 WHERE ID = 1")
        change(writer, "UPDATE CODES SET CODE = '0' WHERE ID = 3")
        writer.commit()
        thread, errors = in_thread(write)
        pairs: set[bool] = set()
        while not is_over.is_set():
            change(reader, "SET TRANSACTION READ ONLY")
            usage = ask(reader, _USAGE)[0][0]
            code = ask(reader, "SELECT TO_NUMBER(CODE) FROM CODES WHERE ID = 3")[0][0]
            pairs.add(usage == code)
            reader.commit()
        thread.join()
        assert errors == []
        assert pairs == {True}


class TestTwoWriters:
    """Two sessions at one row: the second waits for the first, as in Oracle."""

    def test_different_rows_do_not_meet(self, session: DuckDBSession, other: DuckDBSession) -> None:
        change(session, "UPDATE METERS SET NAME = 'one' WHERE ID = 1")
        change(other, "UPDATE METERS SET NAME = 'two' WHERE ID = 2")
        change(session, "INSERT INTO METERS (ID) VALUES (8)")
        change(other, "INSERT INTO METERS (ID) VALUES (9)")
        session.commit()
        other.commit()
        assert names(session) == ["one", "two", None, "น้ำพอง", None, None]

    def test_the_second_waits_and_works_on_what_the_first_committed(
        self, session: DuckDBSession, other: DuckDBSession
    ) -> None:
        change(session, "UPDATE METERS SET USAGE_M3 = 100 WHERE ID = 1")
        thread, errors = in_thread(
            lambda: ignored(change(other, "UPDATE METERS SET USAGE_M3 = USAGE_M3 + 1 WHERE ID = 1"), other.commit)
        )
        thread.join(0.3)
        assert thread.is_alive()
        session.commit()
        thread.join(20)
        assert errors == []
        assert ask(session, _USAGE) == ask(session, "SELECT 101 FROM DUAL")

    @pytest.mark.parametrize("first", ["UPDATE METERS SET NAME = 'a' WHERE ID = 1", "DELETE FROM METERS WHERE ID = 1"])
    @pytest.mark.parametrize(
        "second", ["UPDATE METERS SET FLAG = 'b' WHERE ID = 1", "DELETE FROM METERS WHERE NAME = 'alpha'"]
    )
    def test_the_second_decides_anew_when_it_may_go_on(
        self, session: DuckDBSession, other: DuckDBSession, first: str, second: str
    ) -> None:
        change(session, first)
        counts: list[int] = []
        thread, errors = in_thread(lambda: counts.append(change(other, second)))
        thread.join(0.2)
        assert thread.is_alive()
        session.commit()
        thread.join(20)
        assert errors == []
        assert counts == [1 if first.startswith("UPDATE") and second.startswith("UPDATE") else 0]

    def test_a_rollback_lets_the_second_go_on_with_the_old_row(
        self, session: DuckDBSession, other: DuckDBSession
    ) -> None:
        change(session, "DELETE FROM METERS")
        counts: list[int] = []
        thread, errors = in_thread(lambda: counts.append(change(other, "UPDATE METERS SET FLAG = 'b' WHERE ID = 1")))
        thread.join(0.2)
        assert thread.is_alive()
        session.rollback()
        thread.join(20)
        assert (errors, counts) == ([], [1])

    def test_a_wait_can_be_cancelled(self, session: DuckDBSession, other: DuckDBSession) -> None:
        change(session, "UPDATE METERS SET NAME = 'x' WHERE ID = 1")
        thread, errors = in_thread(lambda: ignored(change(other, "DELETE FROM METERS WHERE ID = 1")))
        thread.join(0.3)
        assert thread.is_alive()
        other.cancel()
        thread.join(20)
        assert [error.code for error in errors] == [1013]

    def test_two_who_wait_for_each_other_are_a_deadlock(self, session: DuckDBSession, other: DuckDBSession) -> None:
        change(session, "UPDATE METERS SET NAME = 'a' WHERE ID = 1")
        change(other, "UPDATE CODES SET CODE = 'b' WHERE ID = 3")
        thread, errors = in_thread(lambda: ignored(change(other, "UPDATE METERS SET NAME = 'b' WHERE ID = 1")))
        thread.join(0.3)
        assert thread.is_alive()
        assert refused(session, "UPDATE CODES SET CODE = 'a' WHERE ID = 3").code == 60
        session.rollback()
        thread.join(20)
        assert errors == []
        other.commit()
        assert names(session)[0] == "b"


def test_a_running_query_is_cancelled_with_ora_01013(session: DuckDBSession) -> None:
    tables = ", ".join(f"METERS m{n}" for n in range(16))
    thread, errors = in_thread(lambda: ignored(ask(session, f"SELECT SUM(m1.ID * m2.ID) FROM {tables}")))
    thread.join(0.3)
    assert thread.is_alive()
    session.cancel()
    thread.join(30)
    assert not thread.is_alive()
    assert [error.code for error in errors] == [1013]
    assert names(session)[0] == "alpha"


def test_a_cancel_with_nothing_to_stop_does_nothing(session: DuckDBSession) -> None:
    session.cancel()
    assert names(session)[0] == "alpha"


def test_close_rolls_back(database: DuckDBBackend, other: DuckDBSession) -> None:
    session = database.open_session("X")
    session.execute("DELETE FROM PWACIS.METERS", [])
    session.close()
    assert len(names(other)) == 4


def test_sixteen_sessions_read_and_write_at_once(database: DuckDBBackend) -> None:
    def work(number: int) -> None:
        session = database.open_session(f"U{number}")
        session.set_schema("PWACIS")
        for turn in range(3):
            session.execute("INSERT INTO CODES VALUES (:1, :2)", [a_bind(100 + number), a_bind(str(turn))])
            session.commit()
            assert len(ask(session, "SELECT 1 FROM CODES WHERE ID = :1", 100 + number)) == turn + 1
        session.close()

    started = [in_thread(lambda number=number: work(number)) for number in range(16)]  # type: ignore[misc]
    for thread, _errors in started:
        thread.join(60)
    assert [errors for _, errors in started] == [[]] * 16
    counted = database.open_session("X")
    assert ask(counted, "SELECT COUNT(*) FROM PWACIS.CODES") == ask(counted, "SELECT 52 FROM DUAL")

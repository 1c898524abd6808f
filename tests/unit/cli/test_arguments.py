"""What the command line refuses before it opens anything, and what it does without a command."""

from __future__ import annotations

import pytest

from tests.command_line import Command

NOWHERE = {"ORACLE_DSN": "reader/s3cret@127.0.0.1:1/BILLING", "POSTGRES_DSN": "postgres://u:s3cret@127.0.0.1:1/db"}


def test_without_a_command_and_a_mode_airflow_is_the_scheduler(command: Command) -> None:
    answer = command({})
    assert answer.status == 2
    assert answer.out == ""
    assert "month-once" in answer.err
    assert answer.err.splitlines()[-1].startswith("error: MODE is empty and no command is given: Airflow is the sch")


@pytest.mark.parametrize("mode", ["init-once", "Month-Once"])
def test_without_a_command_mode_decides(command: Command, mode: str) -> None:
    answer = command({"MODE": mode})
    assert (answer.status, answer.err.split(":")[1].strip()) == (2, "ORACLE_DSN")


@pytest.mark.parametrize(
    ("environment", "words", "named"),
    [
        ({"MODE": "yearly"}, [], "MODE"),
        ({"ORACLE_DSN": ""}, ["check"], "ORACLE_DSN"),
        ({"POSTGRES_DSN": ""}, ["migrate"], "POSTGRES_DSN"),
        ({"CRON_MONTHLY": "30 0 8 16 * *"}, ["month-once"], "CRON_MONTHLY"),
        ({"TIMEZONE": "Asia/Bangkog"}, ["month-once"], "TIMEZONE"),
        ({"MIN_REPORTED_SHARE": "80"}, ["init-once"], "MIN_REPORTED_SHARE"),
        ({"NOTIFY_ON": "sometimes"}, ["check"], "NOTIFY_ON"),
        ({"NOTIFY_URL": "s3cret"}, ["check"], "NOTIFY_URL: is not a URL"),
        ({"NOTIFY_URL": "s3cret"}, ["connections"], "NOTIFY_URL: is not a URL"),
        ({}, ["month-once", "--ym", "2025-13"], "ym"),
        ({"YM": "2025-13"}, ["month-once"], "ym"),
        ({}, ["month-once", "--ym", "209901"], "ym"),
        ({}, ["month-once", "--ym", "202509", "--batch-size", "0"], "batch_size"),
        ({}, ["month-once", "--ym", "202509", "--branches", "9999"], "branches"),
        ({}, ["month-once", "--ym", "202509", "--branches", ""], "--branches"),
        ({}, ["init-once", "--debt-ym", "256813"], "debt_ym"),
        ({"YM": "202509"}, ["month-once", "--ym", ""], "--ym: names no month"),
        ({}, ["month-once", "--ym", " "], "--ym: names no month"),
        ({}, ["init-once", "--debt-ym", ""], "--debt-ym: names no month"),
        ({}, ["month-onec"], "argument COMMAND: invalid choice: 'month-onec'"),
        ({}, ["month-once", "--month", "202509"], "unrecognized arguments: --month 202509"),
        ({}, ["month-once", "--ym"], "argument --ym: expected one argument"),
        ({}, ["month-once", "--batch-size", "many"], "argument --batch-size: invalid int value: 'many'"),
        ({}, ["init-once", "--history-months", "37"], "argument --history-months: '37' is not a whole number"),
    ],
)
def test_what_is_wrong_is_named_in_one_line_without_a_password(
    command: Command, environment: dict[str, str], words: list[str], named: str
) -> None:
    answer = command({**NOWHERE, **environment}, *words)
    assert answer.status == 2
    assert answer.out == ""
    (line,) = answer.err.splitlines()
    assert line.startswith(f"error: {named}"), line
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, ["month-once", "--ym", "9" * 5000]),
        ({"YM": "9" * 5000}, ["month-once"]),
        ({"CRON_MONTHLY": "* " * 5000}, ["month-once"]),
        ({"TIMEZONE": "Asia/" * 2000}, ["month-once"]),
        ({}, ["month-once", "--branches", *(f"9{code:03d}" for code in range(900))]),
        ({}, ["month-once", "--branches", "1063\x1b[31m"]),
        ({}, ["month-once", "--batch-size", "9" * 5000]),
        ({}, ["init-once", "--history-months", "9" * 5000]),
    ],
)
def test_what_is_wrong_is_not_quoted_without_end(
    command: Command, environment: dict[str, str], words: list[str]
) -> None:
    answer = command({**NOWHERE, **environment}, *words)
    assert answer.status == 2
    (line,) = answer.err.splitlines()
    assert len(line) < 400
    assert line.isprintable()


def test_for_machines_an_error_is_one_document(command: Command) -> None:
    answer = command({**NOWHERE, "YM": "2025-13"}, "month-once", "--json")
    assert answer.status == 2
    document = answer.document()
    assert document["error"] == "configuration"
    assert document["message"].startswith("ym")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["month-once", "--json", "--ym"], "argument --ym: expected one argument"),
        (["--json", "month-onec"], "argument COMMAND: invalid choice: 'month-onec'"),
        (["check", "--js", "now"], "unrecognized arguments: now"),
        (["--json"], "MODE is empty and no command is given"),
    ],
)
def test_for_machines_a_wrong_argument_is_one_document_too(command: Command, words: list[str], named: str) -> None:
    answer = command(NOWHERE, *words)
    assert answer.status == 2
    document = answer.document()
    assert document["error"] == "configuration"
    assert document["message"].startswith(named)
    (line,) = answer.err.splitlines()
    assert line == f"error: {document['message']}"


def test_a_wrong_argument_of_a_command_leads_to_its_own_help(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command({}, "month-once", "--ym").err.endswith("; see python -m include.bigmeter month-once --help\n")
    with pytest.raises(SystemExit) as end:
        command({}, "month-once", "--help")
    assert end.value.code == 0
    assert "--cohort-fiscal-year" in capsys.readouterr().out


def test_a_postgresql_that_is_down_says_try_again_later(command: Command) -> None:
    answer = command(NOWHERE, "migrate", "--json")
    assert answer.status == 3
    assert answer.document()["error"] == "unavailable"

"""How a message reaches the notifier, and that none of its faults reaches a run. The service is on loopback."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from tests.dags.airflow_home import ROOT
from tests.sinks import MessageSink, connection_to

REASON = "1061 2025-09: Oracle refuses with ORA-00942"
CONNECTION = "AIRFLOW_CONN_BIGMETER_NOTIFY"


def a_summary(failed: Mapping[str, str] | None = None, **values: Any) -> dict[str, Any]:
    report = {
        "period": "2025-09",
        "branches": 3,
        "failed": dict(failed or {}),
        "totals": {"reported": 400},
        "headings": {"reported": "reported"},
        "usage_m3": "12",
    }
    failed_tasks = [
        {"task": f"sync_branch_{index}", "branch_code": code, "state": "failed"}
        for index, code in enumerate(failed or {}, start=1)
    ]
    told = {"sentence": "", "problem": None, "earlier": None, "failed_tasks": failed_tasks, "reports": [report]}
    return told | values


class ATaskInstance:
    """What Airflow hands to a callback: the last task of the run, by which the others' words can be read."""

    dag_id, run_id = "bigmeter_monthly_sync", "manual__2025-10-16T01:00:00+00:00"

    def __init__(self, pushed: Mapping[tuple[str, str], Any], states: Mapping[str, str]) -> None:
        self._pushed, self._states = pushed, states

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self._pushed.get((task_ids, key))

    def get_task_states(self, _dag_id: str, run_ids: list[str]) -> dict[str, Any]:
        return {run_ids[0]: self._states}


def a_run(
    summary: object = None, *, states: Mapping[str, str] | None = None, run_type: str = "manual", **pushed: Any
) -> Any:
    """Return the context of a callback; ``pushed`` holds what tasks pushed, as ``task__key``."""
    words = {tuple(name.split("__")): value for name, value in pushed.items()}
    tasks = ("check", "sync_branch", "publish", "summary", "find_overdue")
    return {
        "dag": SimpleNamespace(dag_id=ATaskInstance.dag_id, task_dict=dict.fromkeys(tasks)),
        "run_id": ATaskInstance.run_id,
        "dag_run": SimpleNamespace(run_type=run_type),
        "ti": ATaskInstance({("summary", "return_value"): summary, **words}, states or {}),  # type: ignore[dict-item]
    }


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test the patience of a new process."""
    from include.bigmeter.tasks import notifications

    monkeypatch.setattr(notifications, "_patience", notifications.Patience(notifications.PATIENCE_S))


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[MessageSink]:
    with MessageSink() as sink:
        monkeypatch.setenv(CONNECTION, json.dumps(connection_to(sink.url())))
        yield sink


def tell(which: str, context: Any) -> None:
    """Do what Airflow does at the end of a run: ``failed`` or ``good``, ``overdue`` or ``fresh``."""
    from include.bigmeter.tasks import notifications

    callbacks = notifications.of_loads() if which in {"failed", "good"} else notifications.of_freshness()
    callbacks["on_failure_callback" if which in {"failed", "overdue"} else "on_success_callback"](context)


def test_both_kinds_of_dag_tell_of_their_runs_and_no_task_does(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert callable(dag.on_failure_callback)
        assert callable(dag.on_success_callback)
        for task in dag.tasks:
            assert not task.on_failure_callback
            assert not task.on_success_callback
            assert not task.on_retry_callback


def test_a_failed_run_is_one_message_with_branch_reason_counts_and_link(
    sink: MessageSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")
    states = {"sync_branch_1": "failed", "publish": "upstream_failed", "summary": "failed"}
    tell("failed", a_run(a_summary({"1061": REASON}), states=states, summary__failure={"reason": "1 of 3 failed"}))
    (message,) = sink.messages
    assert (message["type"], message["title"]) == ("failure", "ไม่สำเร็จ | failed: bigmeter_monthly_sync 2025-09")
    assert message["message"].splitlines() == [
        "2025-09: ไม่สำเร็จ 1 / 3 สาขา (branches failed)",
        "- 1061 บ้านไผ่ 2025-09: Oracle refuses with ORA-00942",
        "2025-09: โหลดแล้ว 2 / 3 สาขา (branches loaded)",
        "reported 400, 12 m³",
        "https://airflow.example/dags/bigmeter_monthly_sync/runs/manual__2025-10-16T01%3A00%3A00%2B00%3A00",
    ]


def test_a_failed_check_is_its_sentence_once(sink: MessageSink) -> None:
    sentence = "migrations: 1 is pending"
    run = a_run(
        {"sentence": "", "problem": sentence, "failed_tasks": ["check"], "reports": []},
        states={"check": "failed", "summary": "failed"},
        check__failure={"reason": sentence},
        summary__failure={"reason": f"nothing was loaded: {sentence}"},
    )
    tell("failed", run)
    (message,) = sink.messages
    assert message["message"].count(sentence) == 1


def test_a_task_that_is_no_branchs_is_named_with_its_reason_or_without(sink: MessageSink) -> None:
    states = {"publish": "failed", "summary": "failed"}
    tell("failed", a_run(a_summary(), states=states, publish__failure={"reason": "publish: no answer"}))
    tell("failed", a_run(None, states={"summary": "failed", "sync_branch_0": "success"}))
    named, killed = sink.messages
    assert named["message"].startswith("- publish: no answer\n")
    assert killed["message"].startswith("- summary: ended without a word; see its log\n")


def test_a_branch_that_was_cleared_alone_is_no_longer_told_as_failed(sink: MessageSink) -> None:
    """It is in, and what stands behind it was not done again: the summary still says what it said before."""
    states = {"sync_branch_1": "success", "publish": "upstream_failed", "summary": "failed"}
    tell("failed", a_run(a_summary({"1061": REASON}), states=states))
    (message,) = sink.messages
    assert "what had failed is done, but not what follows it" in message["message"]
    assert "clear the first orange square, or else summary, Downstream ticked" in message["message"]
    assert "1061" not in message["message"]


def test_a_branch_that_was_cleared_alone_beside_another_that_still_fails_is_told_as_in(sink: MessageSink) -> None:
    states = {"sync_branch_1": "success", "sync_branch_2": "failed", "publish": "upstream_failed", "summary": "failed"}
    tell("failed", a_run(a_summary({"1061": REASON, "1063": "1063 2025-09: 3 of 200"}), states=states))
    (message,) = sink.messages
    assert message["message"].splitlines()[:4] == [
        "- in since, cleared without Downstream: 1061",
        "2025-09: ไม่สำเร็จ 1 / 3 สาขา (branches failed)",
        "- 1063 น้ำพอง 2025-09: 3 of 200",
        "2025-09: โหลดแล้ว 2 / 3 สาขา (branches loaded)",
    ]


def test_a_run_whose_words_cannot_be_read_is_told_all_the_same(sink: MessageSink) -> None:
    run = a_run()
    run["ti"] = None
    tell("failed", run)
    (message,) = sink.messages
    assert message["title"].startswith("ไม่สำเร็จ | failed")
    assert "the run left no word; see its tasks" in message["message"]


def test_a_good_run_is_told_only_if_it_is_wished(sink: MessageSink, monkeypatch: pytest.MonkeyPatch) -> None:
    tell("good", a_run(a_summary()))
    assert sink.messages == []
    monkeypatch.setenv("NOTIFY_ON", "always")
    tell("good", a_run(a_summary()))
    (message,) = sink.messages
    assert (message["type"], message["title"]) == ("success", "สำเร็จ | succeeded: bigmeter_monthly_sync 2025-09")


def test_a_wrong_setting_loses_no_message(sink: MessageSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_ON", "sometimes")
    tell("good", a_run(a_summary()))
    assert sink.messages == []
    tell("failed", a_run(a_summary({"1061": REASON})))
    assert len(sink.messages) == 1


def test_a_run_that_had_failed_and_is_good_has_recovered(sink: MessageSink) -> None:
    tell("good", a_run(a_summary(earlier="1 of 3 branches failed: 1061")))
    (message,) = sink.messages
    assert message["type"] == "success"
    assert message["title"].startswith("กลับมาสำเร็จแล้ว | recovered")


def test_what_is_overdue_is_a_warning(sink: MessageSink) -> None:
    tell("overdue", a_run(find_overdue__freshness={"sentences": ["2025-08: not loaded", "2025-09: not loaded"]}))
    (message,) = sink.messages
    assert (message["type"], message["title"]) == ("warning", "ข้อมูลค้าง | overdue: BigMeter")
    assert "- 2025-08: not loaded\n- 2025-09: not loaded\n" in message["message"]


def test_a_look_that_failed_is_told_with_its_reason(sink: MessageSink) -> None:
    failure = {"reason": "find_overdue: PostgreSQL is not available"}
    tell("overdue", a_run(states={"find_overdue": "failed"}, find_overdue__failure=failure))
    (message,) = sink.messages
    assert message["type"] == "failure"
    assert "- find_overdue: PostgreSQL is not available\n" in message["message"]


def test_when_all_is_in_it_is_told_after_a_bad_day_and_by_hand_but_not_each_day(sink: MessageSink) -> None:
    fine = {"sentences": ["every month is in"], "was_overdue": False}
    tell("fresh", a_run(find_overdue__return_value=fine, run_type="scheduled"))
    assert sink.messages == []
    tell("fresh", a_run(find_overdue__return_value=fine, run_type="manual"))
    tell("fresh", a_run(find_overdue__return_value={**fine, "was_overdue": True}, run_type="scheduled"))
    assert [message["title"].split(" | ")[1] for message in sink.messages] == [
        "up to date: BigMeter",
        "recovered: BigMeter",
    ]


@pytest.mark.parametrize(
    ("text_format", "expected"),
    [
        ("text", "<b>1061</b> & *bold* [x](http://evil.example) {{ 7*7 }} \\n"),
        ("html", "&lt;b&gt;1061&lt;/b&gt;"),
        ("markdown", r"\*bold\* \[x\]\(http://evil\.example\) \{\{ 7\*7 \}\}"),
    ],
)
def test_what_an_operator_typed_is_escaped_for_the_service_and_never_a_template(
    text_format: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = "<b>1061</b> & *bold* [x](http://evil.example) {{ 7*7 }} \\n"
    with MessageSink() as sink:
        monkeypatch.setenv(CONNECTION, json.dumps(connection_to(sink.url(format=text_format))))
        tell("failed", a_run(a_summary(problem=f"branches: {typed} not in the list", reports=[])))
        (message,) = sink.messages
    assert expected in message["message"]
    assert "49" not in message["message"]


def test_one_url_field_may_hold_several_services(monkeypatch: pytest.MonkeyPatch) -> None:
    with MessageSink() as first, MessageSink() as second:
        monkeypatch.setenv(CONNECTION, json.dumps(connection_to(f"{first.url()}, {second.url()}")))
        tell("failed", a_run(a_summary({"1061": REASON})))
        assert (len(first.messages), len(second.messages)) == (1, 1)


def test_without_a_connection_nothing_is_sent_and_nothing_is_wrong(
    monkeypatch: pytest.MonkeyPatch, airflow_database: None
) -> None:
    monkeypatch.delenv(CONNECTION, raising=False)
    from airflow.providers.apprise.hooks.apprise import AppriseHook

    monkeypatch.setattr(AppriseHook, "notify", lambda *_args, **_kwargs: pytest.fail("something was sent"))
    tell("failed", a_run(a_summary({"1061": REASON})))


@pytest.mark.parametrize(
    "connection",
    [
        "http://:secret-token@hooks.example/",
        json.dumps({"conn_type": "apprise", "extra": "{}"}),
        json.dumps({"conn_type": "apprise", "extra": json.dumps({"config": "secret-token"})}),
        json.dumps(connection_to("nosuch://secret-token")),
        json.dumps(connection_to("json://user:secret-token@127.0.0.1:9/")),
    ],
)
def test_a_wrong_connection_or_a_service_that_is_down_changes_nothing_and_betrays_nothing(
    connection: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(CONNECTION, connection)
    start = time.monotonic()
    tell("failed", a_run(a_summary({"1061": REASON})))
    assert time.monotonic() - start < 10
    printed = capfd.readouterr()
    assert "secret-token" not in printed.out + printed.err + caplog.text
    assert "no message" in printed.out + printed.err
    assert "message sent" not in printed.out + printed.err


def test_a_service_that_hangs_is_left_behind_and_not_asked_again_by_the_same_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from include.bigmeter.tasks import notifications

    monkeypatch.setattr(notifications, "SEND_PATIENCE_S", 1.0)
    with MessageSink(is_hanging=True) as sink:
        monkeypatch.setenv(CONNECTION, json.dumps(connection_to(sink.url(rto=600))))
        start = time.monotonic()
        for _ in range(3):
            tell("failed", a_run(a_summary({"1061": REASON})))
        assert 0.9 < time.monotonic() - start < 5
        assert sink.asked.wait(5)
        assert sink.requests == 1


def test_what_airflow_itself_does_not_answer_is_left_behind_as_well(
    sink: MessageSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.bigmeter.tasks import notifications

    monkeypatch.setattr(notifications, "_patience", notifications.Patience(0.5))
    run = a_run()
    answer = threading.Event()
    run["ti"].xcom_pull = lambda **_asked: answer.wait()
    tell("failed", run)
    answer.set()
    assert sink.requests == 0


def test_patience_ends_before_airflows_own() -> None:
    from airflow.sdk.configuration import conf

    from include.bigmeter.tasks.notifications import PATIENCE_S, SEND_PATIENCE_S

    assert SEND_PATIENCE_S < PATIENCE_S <= 0.8 * conf.getint("dag_processor", "dag_file_processor_timeout")


def test_each_url_on_the_page_is_one_that_the_notifier_takes() -> None:
    from apprise import Apprise

    page = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
    urls = re.findall(r"`((?:mailtos|tgram|line|workflows|jsons)://[^`]+)`", page)
    assert len(urls) == 5
    assert [url for url in urls if Apprise.instantiate(url) is None] == []

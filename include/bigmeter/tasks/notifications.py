"""One message per run, sent after the run has ended, so that no message can change it.

Airflow calls these from the DAG processor, once per run. No connection ``bigmeter_notify`` means no message. What
goes wrong here is logged there and nowhere else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from threading import Thread
from typing import Any
from urllib.parse import quote

import structlog
from airflow.sdk import BaseHook, Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException

from include.bigmeter.branches import load_branches
from include.bigmeter.errors import ConfigError
from include.bigmeter.settings import NOTIFY_CONNECTION_ID, NotificationSettings
from include.bigmeter.tasks.freshness import FRESHNESS_KEY, FRESHNESS_TASK
from include.bigmeter.tasks.messages import Message, Outcome, RunLink, about_freshness, about_load
from include.bigmeter.tasks.recovery import failed_tasks
from include.bigmeter.tasks.runs import FAILURE_KEY, SUMMARY_TASK

PATIENCE_S = 20.0
"""What one process spends on messages, all its runs together. Airflow kills a process of the DAG processor after
50 s (``dag_file_processor_timeout``) and takes it for a DAG file that cannot be read, which stops its schedule."""

Compose = Callable[[Context], Message | None]
log = structlog.get_logger("bigmeter")


def of_loads() -> dict[str, Any]:
    """Return the callbacks of a DAG that loads: a message if a run failed or recovered, or always (``NOTIFY_ON``)."""
    return {
        "on_failure_callback": _callback("tell_failed_load", _failed_load),
        "on_success_callback": _callback("tell_good_load", _good_load),
    }


def of_freshness() -> dict[str, Any]:
    """Return the callbacks of the DAG that looks for what is overdue.

    A message as long as something is, another when it no longer is, and one for every run by hand.
    """
    return {
        "on_failure_callback": _callback("tell_overdue", _overdue),
        "on_success_callback": _callback("tell_up_to_date", _up_to_date),
    }


class Patience:
    """The seconds that may still be spent on messages."""

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds

    def run(self, work: Callable[[], None]) -> bool:
        """Run it in a thread that is left behind when the time is up; return whether it ended."""
        if self._left_s <= 0:
            return False
        start = time.monotonic()
        thread = Thread(target=work, name="bigmeter-message", daemon=True)
        thread.start()
        thread.join(self._left_s)
        self._left_s -= time.monotonic() - start
        return not thread.is_alive()


_patience = Patience(PATIENCE_S)


def _callback(name: str, compose: Compose) -> Callable[[Context], None]:
    def tell(context: Context) -> None:
        if not _patience.run(lambda: _tell(compose, context)):
            log.warning("no message: the notifier does not answer", run_id=context["run_id"], patience_s=PATIENCE_S)

    tell.__name__ = tell.__qualname__ = name
    return tell


def _tell(compose: Compose, context: Context) -> None:
    try:
        connection = BaseHook.get_connection(NOTIFY_CONNECTION_ID)
        if connection.conn_type != "apprise" or not connection.extra_dejson.get("config"):
            log.warning("no message: bigmeter_notify is not of type apprise with a config", run_id=context["run_id"])
        elif message := compose(context):
            _send(message, context)
    except AirflowNotFoundException:
        return
    except Exception as error:  # noqa: BLE001 - the run is over; the error's text may quote the URL, which is a secret
        log.warning("no message", run_id=context["run_id"], reason=type(error).__name__)


def _send(message: Message, context: Context) -> None:
    from airflow.providers.apprise.notifications.apprise import AppriseNotifier  # noqa: PLC0415 - too heavy for a DAG
    from apprise import NotifyFormat, NotifyType  # noqa: PLC0415 - likewise

    kind = {
        Outcome.FAILED: NotifyType.FAILURE,
        Outcome.OVERDUE: NotifyType.WARNING,
    }.get(message.outcome, NotifyType.SUCCESS)
    notifier = AppriseNotifier(
        title=message.title,
        body=message.body,
        notify_type=kind,
        body_format=NotifyFormat.TEXT,
        apprise_conn_id=NOTIFY_CONNECTION_ID,
    )
    notify: Callable[[Context], None] = notifier.notify
    notify(context)  # not notifier(context), which would render the text as a template
    log.info("message handed to the notifier", outcome=message.outcome.name, run_id=context["run_id"])


def _failed_load(context: Context) -> Message:
    summary = _pulled(context, SUMMARY_TASK)
    problems = [] if summary and summary["problem"] else _problems(context)
    return about_load(Outcome.FAILED, _link(context), summary, problems=problems, labels=_labels())


def _good_load(context: Context) -> Message | None:
    summary = _pulled(context, SUMMARY_TASK)
    # A branch that was cleared alone is in, though the summary was not written again.
    is_recovered = summary and (summary.get("earlier") or any(report["failed"] for report in summary["reports"]))
    if is_recovered:
        outcome = Outcome.RECOVERED
    elif _is_success_told():
        outcome = Outcome.SUCCEEDED
    else:
        return None
    return about_load(outcome, _link(context), summary, problems=(), labels=_labels())


def _overdue(context: Context) -> Message:
    seen = _pulled(context, FRESHNESS_TASK, FRESHNESS_KEY)
    if seen:
        return about_freshness(Outcome.OVERDUE, _link(context), seen["sentences"])
    return about_freshness(Outcome.FAILED, _link(context), _problems(context), is_known=False)


def _up_to_date(context: Context) -> Message | None:
    seen = _pulled(context, FRESHNESS_TASK) or {}
    if seen.get("was_overdue"):
        return about_freshness(Outcome.RECOVERED, _link(context), seen["sentences"])
    dag_run: Any = context.get("dag_run")
    if dag_run is not None and str(getattr(dag_run.run_type, "value", dag_run.run_type)) == "manual":
        return about_freshness(Outcome.UP_TO_DATE, _link(context), seen.get("sentences", ()))
    return None


def _problems(context: Context) -> list[str]:
    """Return what the tasks that are no branch's own noted when they failed, or else which they are."""
    try:
        names = failed_tasks(context)
    except Exception as error:  # noqa: BLE001 - a message that says less is better than none
        log.warning("the states of the tasks cannot be read", reason=type(error).__name__)
        return []
    plain = [name for name in names if name in context["dag"].task_dict]
    failures = {name: _pulled(context, name, FAILURE_KEY) for name in plain}
    return [
        str(failure["reason"]) if failure else f"{name}: ended without a word; see its log"
        for name, failure in failures.items()
    ]


def _pulled(context: Context, task_id: str, key: str = "return_value") -> Any:  # noqa: ANN401 - whatever was pushed
    try:
        return context["ti"].xcom_pull(task_ids=task_id, key=key)
    except Exception as error:  # noqa: BLE001 - a message that says less is better than none
        log.warning("what a task left cannot be read", task=task_id, reason=type(error).__name__)
        return None


def _link(context: Context) -> RunLink:
    dag_id, run_id = context["dag"].dag_id, context["run_id"]
    base_url = (conf.get("api", "base_url", fallback="") or "").rstrip("/")
    url = f"{base_url}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}" if base_url else ""
    return RunLink(dag_id=dag_id, run_id=run_id, url=url)


def _labels() -> dict[str, str]:
    try:
        return {branch.code: branch.label for branch in load_branches(os.environ)}
    except ConfigError:
        return {}


def _is_success_told() -> bool:
    try:
        return NotificationSettings.from_environment(os.environ).is_success_told
    except ConfigError as error:
        log.warning("the default is taken", reason=str(error))
        return False

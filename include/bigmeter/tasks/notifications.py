"""One message per run, sent after the run has ended, so that no message can change it.

Airflow calls these from the DAG processor, once per run. No connection ``bigmeter_notify`` means no message. What
goes wrong here is logged there and nowhere else.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from functools import partial
from threading import Thread
from typing import Any, TypeVar
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
from include.bigmeter.tasks.recovery import repaired_since, task_states
from include.bigmeter.tasks.runs import FAILURE_KEY, SUMMARY_TASK

PATIENCE_S = 40.0
"""What one process spends on messages, all its runs together. Airflow kills a process of the DAG processor after
50 s (``dag_file_processor_timeout``) and takes it for a DAG file that cannot be read, which stops its schedule. Airflow
itself needs some of it: the first question to a DAG processor took 24 s on a busy machine of two cores."""
SEND_PATIENCE_S = 15.0
"""What is spent on waiting for the notifier; after that the same process asks it no more."""

_OUTDATED = (
    "what had failed is done, but not what follows it: clear the first orange square, or else summary,"
    " Downstream ticked"
)
Compose = Callable[[Context], Message | None]
T = TypeVar("T")
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

    def run(self, work: Callable[[], T], at_most_s: float = PATIENCE_S) -> T:
        """Return what the work returns; when its time is up its thread is left behind, and nothing is run any more.

        :raises TimeoutError: if it takes too long, or something before it did.
        """
        answer: Future[T] = Future()

        def answer_or_fail() -> None:
            try:
                answer.set_result(work())
            except Exception as error:  # noqa: BLE001 - raised where the answer is read
                answer.set_exception(error)

        if self._left_s <= 0:
            raise TimeoutError
        start = time.monotonic()
        Thread(target=answer_or_fail, name="bigmeter-message", daemon=True).start()
        wait([answer], min(self._left_s, at_most_s))
        self._left_s -= time.monotonic() - start
        if not answer.done():
            self._left_s = 0
            raise TimeoutError
        return answer.result()


class _WithoutUrls(logging.Filter):
    """Takes the URLs out of Apprise's own log: one that it cannot read is quoted whole, with its secrets.

    ``has_warned`` is the only sign that a service did not take a message: Airflow's hook drops Apprise's answer.
    """

    has_warned = False

    def filter(self, record: logging.LogRecord) -> bool:
        self.has_warned = self.has_warned or record.levelno >= logging.WARNING
        record.msg, record.args = re.sub(r"\S+://\S*", "(URL)", record.getMessage()), ()
        return True


_patience = Patience(PATIENCE_S)
_without_urls = _WithoutUrls()


def _callback(name: str, compose: Compose) -> Callable[[Context], None]:
    def tell(context: Context) -> None:
        run_id = context["run_id"]
        try:
            message = _patience.run(partial(_composed, compose, context))
            if message:
                _patience.run(partial(_send, message, context), SEND_PATIENCE_S)
                if _without_urls.has_warned:
                    log.warning("no message: a service did not take it, see the lines above", run_id=run_id)
                else:
                    log.info("message sent", outcome=message.outcome.name, run_id=run_id)
        except TimeoutError:
            log.warning("no message: the notifier does not answer", run_id=run_id)
        except Exception as error:  # noqa: BLE001 - the run is over; the error's text may quote the URL and its secrets
            log.warning("no message", run_id=run_id, reason=type(error).__name__)

    tell.__name__ = tell.__qualname__ = name
    return tell


def _composed(compose: Compose, context: Context) -> Message | None:
    """Return the message, if there is somebody to tell and something to say."""
    try:
        connection = BaseHook.get_connection(NOTIFY_CONNECTION_ID)
    except AirflowNotFoundException:
        return None
    if connection.conn_type != "apprise" or not connection.extra_dejson.get("config"):
        log.warning("no message: bigmeter_notify is not of type apprise with a config", run_id=context["run_id"])
        return None
    return compose(context)


def _send(message: Message, context: Context) -> None:
    from airflow.providers.apprise.notifications.apprise import AppriseNotifier  # noqa: PLC0415 - too heavy for a DAG
    from apprise import NotifyFormat, NotifyType  # noqa: PLC0415 - likewise

    logging.getLogger("apprise").addFilter(_without_urls)
    _without_urls.has_warned = False
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


def _failed_load(context: Context) -> Message:
    summary = _pulled(context, SUMMARY_TASK)
    repaired = _repaired(context, summary) if summary else []
    if summary is None:
        problems = _problems(context)
    elif repaired and len(repaired) == len(summary["failed_tasks"]):
        problems, summary = [_OUTDATED], None
    elif repaired:
        codes = {failed["branch_code"] for failed in repaired}
        summary = {**summary, "reports": [_without(report, codes) for report in summary["reports"]]}
        problems = [f"in since, cleared without Downstream: {', '.join(sorted(codes))}"]
    else:
        # the summary is red as well, for the reasons that it holds itself
        problems = [] if summary["problem"] else _problems(context, besides=SUMMARY_TASK)
    return about_load(Outcome.FAILED, _link(context), summary, problems=problems, labels=_labels())


def _good_load(context: Context) -> Message | None:
    summary = _pulled(context, SUMMARY_TASK)
    if summary and summary.get("earlier"):
        outcome = Outcome.RECOVERED
    elif _is_success_told():
        outcome = Outcome.SUCCEEDED
    else:
        return None
    return about_load(outcome, _link(context), summary, problems=(), labels=_labels())


def _repaired(context: Context, summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    try:
        return repaired_since(context, summary)
    except Exception as error:  # noqa: BLE001 - a message that says less is better than none
        log.warning("the states of the tasks cannot be read", reason=type(error).__name__)
        return []


def _without(report: Mapping[str, Any], codes: Collection[str]) -> dict[str, Any]:
    """Return a report without the failures of some branches."""
    return {**report, "failed": {code: reason for code, reason in report["failed"].items() if code not in codes}}


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


def _problems(context: Context, besides: str | None = None) -> list[str]:
    """Return what the tasks that are no branch's own noted when they failed, or else which they are.

    :param besides: a task to leave out.
    """
    try:
        states = task_states(context)
    except Exception as error:  # noqa: BLE001 - a message that says less is better than none
        log.warning("the states of the tasks cannot be read", reason=type(error).__name__)
        return []
    failed = sorted(name for name in context["dag"].task_dict if states.get(name) == "failed" and name != besides)
    failures = {name: _pulled(context, name, FAILURE_KEY) for name in failed}
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

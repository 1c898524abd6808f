"""What a person is told about a run: a title and a plain text, Thai first, short enough for every service.

Codes, counts and our own sentences only, never a customer's data. Nothing here is markup: the notifier escapes the
text for a service that shows HTML or Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]

MAX_BODY = 1900
"""Characters: Discord takes 2,000, Telegram 4,096, LINE 5,000."""
MAX_TITLE = 200
_MAX_LINES = 10
_MAX_LINE = 220
_MAX_LISTED = 1100  # characters of all listed lines together


class Outcome(StrEnum):
    """How a run ended, in the words of a title."""

    FAILED = "ไม่สำเร็จ | failed"
    RECOVERED = "กลับมาสำเร็จแล้ว | recovered"
    SUCCEEDED = "สำเร็จ | succeeded"
    OVERDUE = "ข้อมูลค้าง | overdue"
    UP_TO_DATE = "ข้อมูลครบ | up to date"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLink:
    """The run that a message is about; ``url`` is empty if Airflow does not know its own address."""

    dag_id: str
    run_id: str
    url: str

    def line(self) -> str:
        """Return where to find it."""
        return self.url or f"Airflow: {self.dag_id}, {self.run_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent."""

    outcome: Outcome
    title: str
    body: str


def about_load(
    outcome: Outcome, run: RunLink, summary: Json | None, *, problems: Sequence[str], labels: Mapping[str, str]
) -> Message:
    """Write the message of a monthly or yearly run.

    :param summary: what the run's last task returned; None if it returned nothing.
    :param problems: why the run failed, where that is no branch's own reason.
    :param labels: how a branch is called by its code.
    """
    summary = summary or {}
    reports: Sequence[Json] = summary.get("reports") or ()
    lines: list[str] = []
    if outcome is Outcome.RECOVERED:
        lines.append("งานที่เคยไม่สำเร็จ สำเร็จแล้ว (what had failed is done now)")
        if earlier := summary.get("earlier"):
            lines.append(f"ก่อนหน้านี้ (before): {_short(earlier)}")
    elif summary.get("problem"):
        lines += ["ยังไม่ได้โหลดข้อมูล ต้องแก้ไขก่อน (nothing was loaded; put this right first):"]
        lines += _listed([str(summary["problem"])])
    lines += _listed(problems)
    if outcome is Outcome.FAILED:
        lines += _failures(reports, labels)
        if not lines:
            lines.append("งานหยุดโดยไม่มีรายงาน (the run left no word; see its tasks)")
    for report in reports:
        lines += _loaded(report)
    periods = ", ".join(str(report["period"]) for report in reports)
    return _message(outcome, run, f"{run.dag_id} {periods}".strip(), lines)


def about_freshness(outcome: Outcome, run: RunLink, sentences: Sequence[str], *, is_known: bool = True) -> Message:
    """Write the message of a look at what is overdue.

    :param sentences: what is overdue, or that nothing is, or why nobody knows.
    :param is_known: False if the look itself failed.
    """
    heading = {
        Outcome.OVERDUE: "ถึงกำหนดแล้ว แต่ข้อมูลยังไม่เข้า (due and not in):",
        Outcome.FAILED: "ตรวจสอบไม่ได้ (nobody knows whether the data are in):",
        Outcome.RECOVERED: "ข้อมูลที่ค้างเข้าครบแล้ว (what was overdue is in):",
    }.get(outcome)
    about = "BigMeter" if is_known else run.dag_id
    return _message(outcome, run, about, [*([heading] if heading else []), *_listed(sentences)])


def _failures(reports: Sequence[Json], labels: Mapping[str, str]) -> Iterator[str]:
    for report in reports:
        failed: Mapping[str, str] = report["failed"]
        if not failed:
            continue
        counts = f"{len(failed)} / {report['branches']}"
        yield f"{report['period']}: ไม่สำเร็จ {counts} สาขา (branches failed)"
        yield from _listed([_reason(code, reason, labels) for code, reason in failed.items()])


def _reason(code: str, reason: str, labels: Mapping[str, str]) -> str:
    """Put the branch's name behind its code; most reasons begin with the code themselves."""
    label = labels.get(code, code)
    return f"{label}{reason[len(code) :]}" if reason.startswith((f"{code} ", f"{code}:")) else f"{label}: {reason}"


def _loaded(report: Json) -> Iterator[str]:
    branches = int(report["branches"])
    loaded = branches - len(report["failed"])
    yield f"{report['period']}: โหลดแล้ว {loaded} / {branches} สาขา (branches loaded)"
    headings: Mapping[str, str] = report["headings"]
    counts = [f"{headings[name]} {int(count):,}" for name, count in report["totals"].items() if count]
    usage_m3 = Decimal(report.get("usage_m3", 0))
    counts += [f"{usage_m3:,.0f} m³"] if usage_m3 else []
    if counts:
        yield ", ".join(counts)


def _listed(sentences: Sequence[str]) -> list[str]:
    """Return as many as there is room for, a line each, and how many more there are."""
    lines: list[str] = []
    room = _MAX_LISTED
    for sentence in sentences[:_MAX_LINES]:
        line = f"- {_short(sentence)}"
        room -= len(line)
        if lines and room < 0:
            break
        lines.append(line)
    more = len(sentences) - len(lines)
    return [*lines, f"- … อีก {more} รายการ (and {more} more)"] if more else lines


def _message(outcome: Outcome, run: RunLink, about: str, lines: Sequence[str]) -> Message:
    link = run.line()
    text = "\n".join(lines)
    room = MAX_BODY - len(link) - 1
    if len(text) > room:
        text = text[: room - 1] + "…"
    return Message(outcome=outcome, title=_short(f"{outcome}: {about}", MAX_TITLE), body=f"{text}\n{link}")


def _short(text: str, limit: int = _MAX_LINE) -> str:
    """Return it in one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"

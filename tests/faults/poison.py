"""A source whose every text column holds a mark of its own, and how to find any of them in what was said."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

import structlog
from structlog.testing import capture_logs

from dev.billing_data.schema import CATALOGUE, OWNER
from dev.oracle_standin.backend import BackendSession
from dev.oracle_standin.values import Bind, OracleType
from tests.loading import Billing

# Our column, and the table and column of Oracle that it comes from.
SOURCES = {
    "org_name": ("TB_LT_ORGANIZATION", "ORG_NAME"),
    "use_type": ("TB_LT_USETYPE", "USETYPE"),
    "use_name": ("TB_LT_USETYPE", "USENAME"),
    "cust_name": ("TB_TR_DEBT_TRN", "CUST_NAME"),
    "address": ("TB_TR_DEBT_TRN", "CUST_ADDRESS"),
    "route_code": ("TB_MS_METER_ROUTE", "METER_ROUTE_CODE"),
    "meter_no": ("TB_TR_DEBT_TEMP", "METER_NO"),
    "meter_size": ("TB_LT_METERSIZE", "SIZENAME"),
    "meter_brand": ("TB_LT_METERBRAND", "BRANDNAME"),
    "meter_state": ("TB_LT_METERSTATE", "STATENAME"),
}
# Letters that nothing else here is written with: one is enough to know the column by.
LETTERS = dict(zip(SOURCES, "აბგდევზთიკ", strict=True))


def _poison(name: str) -> str:
    table, column = SOURCES[name]
    (width,) = (known.size for known in CATALOGUE[OWNER, table].columns if known.name == column)
    return f"Poison'\t\\N {LETTERS[name] * 2}"[-width:]  # the code of a use has room for the letters alone


POISON = {name: _poison(name) for name in SOURCES}


def set_texts(billing: Billing, texts: dict[str, str]) -> None:
    """Write texts into every row of the source, by our names of the columns."""

    def write(session: BackendSession) -> None:
        for name, text in texts.items():
            table, column = SOURCES[name]
            bind = Bind("TEXT", OracleType.VARCHAR2, text)
            session.execute(f"UPDATE {OWNER}.{table} SET {column} = :TEXT", (bind,))

    billing.server.interludes.make(write)


def leaks(said: str) -> list[str]:
    """Return the columns whose poison is in a text, as it is or escaped as JSON, a repr or bytes would have it."""
    found = [
        name
        for name, letter in LETTERS.items()
        if any(form in said for form in (letter, json.dumps(letter)[1:-1], repr(letter.encode())[2:-1]))
    ]
    return found or (["some column"] if "oison" in said else [])


@dataclass(slots=True)
class Said:
    """What was said while something ran: each event of our own logger and each record of a library's."""

    events: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def everything_logged() -> Iterator[Said]:
    """Collect what is logged at any level; the stand-in, which runs in this process too, is left out."""
    configured = structlog.get_config() if structlog.is_configured() else None
    structlog.reset_defaults()
    handler, root, said = _Records(), logging.getLogger(), Said()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with capture_logs() as events:
            yield said
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        if configured:
            structlog.configure(**configured)
        said.events += [f"{event!r} {json.dumps(event, default=str)}" for event in events]
        said.records += [
            f"{record.name} {record.getMessage()} {record.exc_info and as_printed(record.exc_info[1])}"
            for record in handler.records
            if not record.name.startswith(("dev.", "asyncio"))
        ]


def as_printed(error: BaseException | None) -> str:
    """Return an exception in each way that a log shows it: Python's, and the two of Airflow's task log."""
    if error is None:
        return ""
    exc_info: tuple[type[BaseException], BaseException, TracebackType | None] = (
        type(error),
        error,
        error.__traceback__,
    )
    plain = io.StringIO()
    structlog.dev.plain_traceback(plain, exc_info)
    as_json = structlog.tracebacks.ExceptionDictTransformer(use_rich=False, show_locals=False)(exc_info)
    return "\n".join([*traceback.format_exception(error), plain.getvalue(), repr(as_json), repr(error)])


def hidden(error: BaseException) -> Iterable[str]:
    """Yield what an exception carries behind it without showing it, for whatever walks there all the same."""
    link = error.__context__
    while link is not None:
        yield f"{link!r} {link} {link.args!r} {getattr(link, '__notes__', '')}"
        link = link.__cause__ or link.__context__

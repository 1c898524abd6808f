"""The figures that a load has to send, from the counts that its task returned."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

import pytest

from dev.stack.processes import wait_until
from tests.sinks import Figures

PREFIX = "airflow.bigmeter."
GAUGES = ("duplicates", "reported", "zero", "missing")
_RECENT = 1_700_000_000


class Sink(Protocol):
    """Anything that figures are sent to."""

    def figures(self, prefix: str) -> Figures:
        """Return what has come, of names that begin so."""
        ...


def figures_of_load(kind: str, branch_code: str, counts: Mapping[str, Any]) -> Figures:
    """Return what a load that is in sends, but the moment of it: milliseconds, counts, the state of the month."""
    tags = {("kind", kind), ("branch", branch_code)}
    found = {
        (PREFIX + "duration", frozenset(tags)): counts["seconds"] * 1000,
        (PREFIX + "oracle_duration", frozenset(tags)): counts["oracle_seconds"] * 1000,
        (PREFIX + "oracle_round_trips", frozenset(tags)): counts["round_trips"],
    }
    found |= {(PREFIX + name, frozenset(tags)): counts[name] for name in GAUGES if name in counts}
    return found | {
        (PREFIX + "rows", frozenset({*tags, ("outcome", name)})): counts[name]
        for name in ("inserted", "updated", "unchanged", "removed")
    }


def figures_of_failure(kind: str, branch_code: str, category: str) -> Figures:
    """Return what a failed attempt sends."""
    return {(PREFIX + "failures", frozenset({("kind", kind), ("branch", branch_code), ("category", category)})): 1.0}


def wait_for_figures(sink: Sink, expected: Figures, before: Figures) -> None:
    """Wait until the figures have come, and make sure that they are exactly these and the moments of the loads.

    :param before: what the sink had before; counters and times go on from there.
    """
    moments: Figures = {}

    def came() -> Figures:
        moments.clear()
        found: Figures = {}
        for key, value in sink.figures(PREFIX).items():
            name = key[0].removeprefix(PREFIX)
            if name == "last_success" and value != before.get(key):
                moments[key] = value
            elif key in expected or value != before.get(key):
                found[key] = value - (0.0 if name in GAUGES else before.get(key, 0.0))
        return found

    with suppress(TimeoutError):
        wait_until(lambda: came() == pytest.approx(expected), 30, "the figures of the run")
    assert came() == pytest.approx(expected)
    assert {dict(tags)["branch"] for _, tags in moments} == {
        dict(tags)["branch"] for name, tags in expected if name == PREFIX + "rows"
    }
    assert min(moments.values()) > _RECENT

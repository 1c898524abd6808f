"""What a task has done so far, kept by Airflow between its tries: the next one goes on where this one was stopped."""

from __future__ import annotations

from typing import Any

import structlog
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

Json = dict[str, Any]
_KEY = "done"
log = structlog.get_logger("bigmeter")


class Progress:
    """The parts of the work that are done, by name, each with what it came to.

    It lasts for the tries that follow each other by themselves. Whoever clears the task wants it done anew: that gives
    it another number of tries, by which the two are told apart. Where Airflow's store does not answer nothing is lost
    but time: the next try does the work again.
    """

    def __init__(self, context: Context) -> None:
        ti: Any = context["ti"]
        self._store: Any = context["task_state_store"]
        self._series: int = ti.max_tries
        self._parts: dict[str, Json] = {}
        try:
            kept: Any = self._store.get(_KEY) or {}
        except AirflowRuntimeError as error:
            log.warning("what was done before is not known", reason=error.error.error.value)
        else:
            if kept.get("series") == self._series:
                self._parts |= kept["parts"]

    def outcome_of(self, part: str) -> Json | None:
        """Return what a part came to that is done; None if it is still to do."""
        return self._parts.get(part)

    def keep(self, part: str, outcome: Json) -> None:
        """Keep that a part is done."""
        self._parts[part] = outcome
        try:
            self._store.set(_KEY, {"series": self._series, "parts": self._parts})
        except AirflowRuntimeError as error:
            log.warning("the next try will do this again", part=part, reason=error.error.error.value)

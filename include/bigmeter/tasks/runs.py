"""What a run is about: what its first task reads once and hands to the mapped ones."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context

from include.bigmeter.branches import Branch, choose_branches, load_branches
from include.bigmeter.errors import ConfigError
from include.bigmeter.settings import LoadSettings, ScheduleSettings

Job = dict[str, Any]
"""What the mapped task of one branch is given: plain values, wholly self-contained."""

CHECK_TASK = "check"
SUMMARY_TASK = "summary"
RETURN_KEY = "return_value"
"""Airflow's own key for what a task returns."""
PLAN_KEY = "plan"
"""The XCom of ``check`` with what the run is about as a whole; its return value is the list of jobs."""
FAILURE_KEY = "failure"
"""The XCom of a task that failed: ``subject``, ``category``, ``reason``. Airflow deletes it at the task's next try."""


def read_form(context: Context) -> Mapping[str, Any]:
    """Return the fields of the run's form.

    :raises ConfigError: for a field that the form does not have: a request by API with ``branch`` for ``branches``
        would otherwise load all of them.
    """
    form: Mapping[str, Any] = context["params"]
    dag_run: Any = context["dag_run"]
    unknown = sorted(set(dag_run.conf or {}) - set(form_fields(context)))
    if unknown:
        raise ConfigError(f"{unknown[0]}: the form has no such field; it has {', '.join(form_fields(context))}")
    return form


def form_fields(context: Context) -> list[str]:
    """Return the names of the form's fields."""
    return list(context["dag"].params)


def read_settings(batch_size: int | None = None) -> tuple[ScheduleSettings, LoadSettings]:
    """Read the environment's settings, once for the run.

    :raises ConfigError: naming the variable that is wrong.
    """
    schedule = ScheduleSettings.from_environment(os.environ)
    return schedule, LoadSettings.from_environment(os.environ, batch_size=batch_size)


def read_branches(wanted: Sequence[str] | None) -> tuple[tuple[Branch, ...], tuple[Branch, ...]]:
    """Return the branches that the form asks for, and all there are.

    :raises ConfigError: if the list is wrong, or the form asks for a branch that is not in it.
    """
    branches = load_branches(os.environ)
    return choose_branches(branches, wanted), branches


def jobs_of(branches: Sequence[Branch], settings: LoadSettings, asked: Mapping[str, Any]) -> list[Job]:
    """Return one job per branch; ``label`` is its name in Airflow's lists."""
    return [
        {
            "branch_code": branch.code,
            "name": branch.name,
            "label": branch.label,
            **asked,
            "settings": settings.to_json(),
        }
        for branch in branches
    ]


def plan_of(branches: Sequence[Branch], asked: Mapping[str, Any], schedule: ScheduleSettings) -> dict[str, Any]:
    """Return what the run is about as a whole, with the codes of *all* branches of the list."""
    return {**asked, "all_branches": [branch.code for branch in branches], "timezone": schedule.timezone}

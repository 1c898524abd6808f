"""A small client of Airflow's REST API: what the demo and the tests ask of it, with its answers typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self, TypeAlias

import httpx

from dev.stack.processes import wait_until

FINISHED = frozenset({"success", "failed"})
Reprocess = Literal["none", "failed", "completed"]
Json: TypeAlias = Any
_PAGE = 100


class Refused(Exception):
    """Airflow refused a request; ``status`` is HTTP's, ``detail`` the sentence that a person sees."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A DAG run."""

    run_id: str
    state: str
    run_type: str
    logical_date: datetime | None
    data_interval_end: datetime | None

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Self:
        """Read it from an answer."""
        return cls(
            run_id=answer["dag_run_id"],
            state=answer["state"],
            run_type=answer["run_type"],
            logical_date=_moment(answer["logical_date"]),
            data_interval_end=_moment(answer["data_interval_end"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInstance:
    """A task of a run; ``map_index`` is -1 if it is not mapped, ``name`` what the list of a mapped task shows.

    ``host`` is the machine that runs it, or ran it last; empty before it is started.
    """

    task_id: str
    map_index: int
    name: str | None
    state: str | None
    try_number: int
    host: str

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Self:
        """Read it from an answer."""
        return cls(
            task_id=answer["task_id"],
            map_index=answer["map_index"],
            name=answer["rendered_map_index"],
            state=answer["state"],
            try_number=answer["try_number"],
            host=answer["hostname"] or "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try of a task."""

    number: int
    state: str | None
    started: datetime | None
    ended: datetime | None

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Self:
        """Read it from an answer."""
        return cls(
            number=answer["try_number"],
            state=answer["state"],
            started=_moment(answer["start_date"]),
            ended=_moment(answer["end_date"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetEvent:
    """What a task said of an asset."""

    name: str
    partition_key: str | None
    extra: Mapping[str, Any]

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Self:
        """Read it from an answer."""
        return cls(name=answer["name"], partition_key=answer["partition_key"], extra=answer["extra"] or {})


class AirflowApi:
    """The REST API of one Airflow, as one user; it logs in when it is first used.

    Every method raises ``Refused`` where Airflow answers with an error.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._credentials = {"username": user, "password": password}
        self._client = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def is_up(self) -> bool:
        """Say whether the API server answers."""
        try:
            return self._client.get("/api/v2/monitor/health", timeout=10).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def is_healthy(self, component: str) -> bool:
        """Say whether a component (``scheduler``, ``dag_processor``) has given a sign of life lately."""
        health = self._client.get("/api/v2/monitor/health").json()
        return bool((health.get(component) or {}).get("status") == "healthy")

    def dag_ids(self) -> set[str]:
        """Return the DAGs that are parsed."""
        return {dag["dag_id"] for dag in self._pages("/api/v2/dags", "dags")}

    def import_errors(self) -> dict[str, str]:
        """Return the traceback of each DAG file that cannot be imported."""
        errors = self._pages("/api/v2/importErrors", "import_errors")
        return {error["filename"]: error["stack_trace"] for error in errors}

    def set_paused(self, dag_id: str, is_paused: bool) -> None:
        """Pause a DAG, or let it run."""
        self._ask("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": is_paused})

    def trigger(
        self,
        dag_id: str,
        form: Mapping[str, Any] | None = None,
        *,
        logical_date: datetime | None = None,
        partition_key: str | None = None,
    ) -> str:
        """Start a manual run with the fields of its form; return its run id."""
        body = {
            "logical_date": logical_date.isoformat() if logical_date else None,
            "conf": dict(form or {}),
            "partition_key": partition_key,
        }
        return str(self._ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def backfill(
        self,
        dag_id: str,
        first: datetime,
        last: datetime,
        *,
        form: Mapping[str, Any] | None = None,
        reprocess: Reprocess = "none",
        max_active_runs: int = 3,
    ) -> int:
        """Start a backfill of the intervals that begin from ``first`` to ``last``; return its id."""
        body = {
            "dag_id": dag_id,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "dag_run_conf": dict(form) if form else None,
            "reprocess_behavior": reprocess,
            "max_active_runs": max_active_runs,
        }
        return int(self._ask("POST", "/api/v2/backfills", json=body)["id"])

    def is_backfill_complete(self, backfill_id: int) -> bool:
        """Say whether Airflow has noticed that all runs of a backfill are finished, which it checks every 30 s."""
        return self._ask("GET", f"/api/v2/backfills/{backfill_id}")["completed_at"] is not None

    def runs(self, dag_id: str) -> list[Run]:
        """Return all runs of a DAG, the oldest first."""
        return [Run.from_json(run) for run in self._pages(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs")]

    def run(self, dag_id: str, run_id: str) -> Run:
        """Return one run."""
        return Run.from_json(self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"))

    def mark_run(self, dag_id: str, run_id: str, state: Literal["failed", "success"]) -> None:
        """Mark a run, as the buttons at its top do: what runs in it is ended."""
        self._ask("PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", json={"state": state})

    def mark_task(
        self, dag_id: str, run_id: str, task_id: str, map_index: int, state: Literal["failed", "success"]
    ) -> None:
        """Mark one branch of a mapped task, as the buttons on its page do."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/{map_index}"
        self._ask("PATCH", path, json={"new_state": state})

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Delete a run: the date that it had is free then."""
        self._ask("DELETE", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")

    def wait_for_run(self, dag_id: str, run_id: str, timeout_s: float = 300) -> Run:
        """Return a run when it is finished, successful or not.

        :raises TimeoutError: if that takes longer; with the states of its tasks.
        """
        try:
            wait_until(lambda: self.run(dag_id, run_id).state in FINISHED, timeout_s, run_id, poll_s=0.5)
        except TimeoutError as late:
            states = [f"{one.task_id}[{one.map_index}] {one.state}" for one in self.task_instances(dag_id, run_id)]
            raise TimeoutError(f"{late}: {', '.join(states)}") from None
        return self.run(dag_id, run_id)

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """Return the tasks of a run; ``~`` as ``run_id`` those of all runs."""
        found = self._pages(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")
        return [TaskInstance.from_json(one) for one in found]

    def clear(self, dag_id: str, run_id: str, tasks: Sequence[tuple[str, int]]) -> None:
        """Clear tasks by id and map index, with all that follow them, as the user interface does by default."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [list(task) for task in tasks],
            "only_failed": False,
            "include_downstream": True,
        }
        self._ask("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def xcom(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1, key: str = "return_value") -> Json:
        """Return what a task has handed on."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self._ask("GET", path, params={"map_index": map_index, "deserialize": False})["value"]

    def asset_events(self, run_id: str) -> list[AssetEvent]:
        """Return the events that a run of any DAG has sent."""
        answer = self._ask("GET", "/api/v2/assets/events", params={"source_run_id": run_id, "limit": _PAGE})
        return [AssetEvent.from_json(event) for event in answer["asset_events"]]

    def tries(self, dag_id: str, run_id: str, task: TaskInstance) -> list[Try]:
        """Return the tries of a mapped task, the first one first."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/{task.map_index}/tries"
        found = [Try.from_json(one) for one in self._ask("GET", path)["task_instances"]]
        return sorted(found, key=lambda one: one.number)

    def log(self, dag_id: str, run_id: str, task: TaskInstance) -> str:
        """Return the log of the last attempt of a task, a line an event."""
        return "\n".join(str(event) for event in self.log_events(dag_id, run_id, task))

    def log_events(self, dag_id: str, run_id: str, task: TaskInstance) -> list[Json]:
        """Return the events in the log of the last attempt of a task, each with its fields."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{task.try_number}"
        answer = self._ask("GET", path, params={"map_index": task.map_index, "full_content": True})
        return list(answer["content"])

    def add_connection(self, connection_id: str, fields: Mapping[str, Any]) -> None:
        """Store a connection; ``extra`` is JSON."""
        self._ask("POST", "/api/v2/connections", json={"connection_id": connection_id, **fields})

    def remove_connection(self, connection_id: str) -> None:
        """Delete a connection."""
        self._ask("DELETE", f"/api/v2/connections/{connection_id}")

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            answer = self._ask("GET", path, params={"limit": _PAGE, "offset": offset})
            yield from answer[key]
            offset += _PAGE
            if offset >= answer["total_entries"]:
                return

    def _ask(self, method: str, path: str, **request: Json) -> Json:
        if "Authorization" not in self._client.headers:
            self._log_in()
        answer = self._client.request(method, path, **request)
        if answer.status_code == httpx.codes.UNAUTHORIZED:  # the token has expired
            self._log_in()
            answer = self._client.request(method, path, **request)
        if answer.is_error:
            raise Refused(answer.status_code, _detail(answer))
        return answer.json() if answer.content else None

    def _log_in(self) -> None:
        answer = self._client.post("/auth/token", json=self._credentials)
        if answer.is_error:
            raise Refused(answer.status_code, _detail(answer))
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text[:500]
    return detail if isinstance(detail, str) else str(detail)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

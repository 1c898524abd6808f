"""The scenes of the operator's guide: each lets something happen that the guide explains, and takes its picture.

They are played in order, on the months before the last one that is due: ``months[-1]`` is that one.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dev.guide.pages import AirflowPages
from dev.guide.stage import BRANCHES, CONSUMER, FRESHNESS, MONTHLY, POOL, YEARLY, Stage
from dev.stack.processes import wait_until
from dev.stack.rest import FINISHED
from include.bigmeter.periods import Ym, add_months, fiscal_year_of, october_of, to_debt_ym

BANGKOK = ZoneInfo("Asia/Bangkok")
_BACKFILL_TIMEOUT_S = 900


class SceneError(Exception):
    """A scene went otherwise than the guide tells it."""


@dataclass(frozen=True, slots=True)
class Play:
    """What every scene has: the stage, the pages, and the months from the first with a cohort to the last due."""

    stage: Stage
    pages: AirflowPages
    months: Sequence[Ym]
    tell: Callable[[str], None]

    @property
    def night(self) -> Ym:
        """The month that goes wrong."""
        return self.months[-2]


def play(scene: Play) -> None:
    """Play all scenes."""
    for act in (
        _a_pool_that_does_not_exist,
        _months_that_were_never_loaded,
        _a_backfill,
        _one_branch_by_hand,
        _a_bad_night,
        _the_repair,
        _a_month_that_is_accepted,
        _a_code_that_nobody_has_classified,
        _a_cohort_that_shrinks,
        _a_check_that_is_red,
        _servers_that_do_not_answer,
        _a_task_that_dies,
        _a_paused_dag,
        _a_dag_that_cannot_be_read,
        _the_manuals,
    ):
        scene.tell((act.__doc__ or "").split("\n")[0])
        act(scene)


def _a_pool_that_does_not_exist(scene: Play) -> None:
    """The cohorts are chosen, once the pool that ORACLE_POOL names exists."""
    stage, october = scene.stage, october_of(fiscal_year_of(scene.months[0]))
    first = datetime(int(october[:4]), int(october[4:]), 1, tzinfo=BANGKOK)
    stage.api.backfill(YEARLY, first, datetime.now(BANGKOK))  # first, so that the latest run is not scheduled besides
    stage.api.set_paused(YEARLY, False)
    (run, *_) = _runs(stage, YEARLY)
    wait_until(lambda: _count(stage, run, "scheduled") == len(BRANCHES), _BACKFILL_TIMEOUT_S, "waiting branches", 1)
    scene.pages.show_branches(YEARLY, run, "capture_cohort", "Scheduled")
    scene.pages.take_picture("pool-missing", height=760)
    if _count(stage, run, "scheduled") != len(BRANCHES):
        raise SceneError("a branch has started without its pool")
    stage.expect(f"ORACLE_POOL names {POOL}, a pool that does not exist", "scheduled", "scheduled")
    stage.make_pool(4)
    wait_until(lambda: _are_finished(stage, YEARLY, 1), _BACKFILL_TIMEOUT_S, "the cohorts", 1)
    _require_success(stage, YEARLY)


def _months_that_were_never_loaded(scene: Play) -> None:
    """The freshness DAG finds months that are due and not in."""
    scene.stage.api.set_paused(FRESHNESS, False)
    run = scene.stage.run(FRESHNESS)
    said = scene.stage.api.xcom(FRESHNESS, run.run_id, "find_overdue", key="freshness")["sentences"]
    scene.stage.expect("months were never loaded", str(said[0]), "not loaded for any branch")
    scene.pages.show_log(FRESHNESS, run.run_id, "find_overdue", "not loaded for any branch")
    scene.pages.take_picture("overdue", height=640)
    status, printed = scene.stage.ask_the_command_line("check", "--freshness")
    if status != 1:
        raise SceneError(f"check --freshness ended with {status}: {printed}")
    scene.stage.expect("check --freshness, which ends with 1", printed.splitlines()[0], "not loaded for any branch")


def _a_backfill(scene: Play) -> None:
    """The latest month is loaded by its schedule, four more are backfilled by the dialog; the example follows."""
    stage = scene.stage
    for dag_id in (CONSUMER, MONTHLY):
        stage.api.set_paused(dag_id, False)
    wait_until(lambda: _are_finished(stage, MONTHLY, 1), _BACKFILL_TIMEOUT_S, "the scheduled run", 1)
    scene.pages.show_form(MONTHLY)
    scene.pages.choose_backfill(_first_day(scene.months[-7]), _last_day(scene.months[-4]), 4)
    scene.pages.take_picture("backfill-form")
    scene.pages.confirm("Run Backfill")
    wait_until(lambda: _are_finished(stage, MONTHLY, 5), _BACKFILL_TIMEOUT_S, "the backfill", 1)
    _require_success(stage, MONTHLY)
    loaded = stage.loaded_months()
    if loaded != [*scene.months[-7:-3], scene.months[-1]]:
        raise SceneError(f"the backfill loaded {loaded}")
    wait_until(lambda: _are_finished(stage, CONSUMER, 5), _BACKFILL_TIMEOUT_S, "a run of the example for each month", 1)
    _require_success(stage, CONSUMER)
    scene.pages.show_dag(MONTHLY, "runs")
    scene.pages.take_picture("runs", width=1600, height=760)


def _one_branch_by_hand(scene: Play) -> None:
    """One branch of a month is loaded by the dialog, in the Buddhist era."""
    before = len(scene.stage.api.runs(MONTHLY))
    scene.pages.show_form(MONTHLY)
    scene.pages.fill_month(to_debt_ym(scene.months[-3]))
    scene.pages.open_branch_picker()
    scene.pages.pick_branch("1061")
    scene.pages.unfold_picked("1061")
    scene.pages.take_picture("trigger-form")
    scene.pages.close_branch_picker()
    scene.pages.confirm("Trigger")
    wait_until(lambda: _are_finished(scene.stage, MONTHLY, before + 1), _BACKFILL_TIMEOUT_S, "the branch", 1)
    _require_success(scene.stage, MONTHLY)
    run = _runs(scene.stage, MONTHLY)[-1]
    if scene.stage.states(MONTHLY, run) != {
        "check": "success",
        "1061": "success",
        "publish": "skipped",
        "summary": "success",
    }:
        raise SceneError(f"one branch by hand: {scene.stage.states(MONTHLY, run)}")


def _a_bad_night(scene: Play) -> None:
    """Six branches, five of them in trouble: refused, incomplete, contract, unavailable, locked."""
    stage, ym = scene.stage, scene.night
    stage.control.add_fault("ora=942@execute,times=always,bind=1061")
    stage.withdraw_bills("1062", ym)
    stage.control.add_fault("ora=12537@execute,bind=1063")
    stage.administer(
        "ALTER TABLE bm_meter_details ADD CONSTRAINT somebody_s_own"
        f" CHECK (branch_code <> '1064' OR year_month <> '{ym}') NOT VALID"
    )
    with stage.held("1245", ym):
        run_id = stage.api.trigger(MONTHLY, {"ym": ym})
        stage.expect_retry("a line that Oracle's listener closes", "ORA-12537", MONTHLY, run_id, "1063")
        stage.expect_retry(
            "another session holds the branch-month", "another session holds the lock", MONTHLY, run_id, "1245"
        )
        scene.pages.show_branches(MONTHLY, run_id, "sync_branch", "Up For Retry")
        scene.pages.take_picture("retrying", height=760)
    run = stage.finished(MONTHLY, run_id)
    (report,) = stage.summary(run)["reports"]
    failed = report["failed"]
    if run.state != "failed" or set(failed) != {"1061", "1062", "1064"}:
        raise SceneError(f"the bad night: {run.state}, {failed}")
    stage.expect("a table that the Oracle user may not read", failed["1061"], "Oracle refuses with ORA-00942")
    stage.expect("a month that is not billed yet", failed["1062"], "fewer than 80%")
    stage.expect("a constraint that somebody added", failed["1064"], "PostgreSQL refuses a row (23514")
    scene.pages.show_branches(MONTHLY, run_id, "sync_branch", "1062")
    scene.pages.take_picture("branches-failed", height=760)
    index = stage.map_index(MONTHLY, run_id, "1061")
    scene.pages.show_log(MONTHLY, run_id, "sync_branch", "ORA-00942", index)
    scene.pages.wrap_log()
    scene.pages.take_picture("branch-log", height=560)
    scene.pages.unwrap_log()
    scene.pages.show_log(MONTHLY, run_id, "summary", "branches failed")
    scene.pages.widen_log()
    scene.pages.take_picture("summary", width=1600, height=640)


def _the_repair(scene: Play) -> None:
    """The causes are put right and the branches cleared, one alone and two together: the run becomes green."""
    stage = scene.stage
    run_id = _runs(stage, MONTHLY)[-1]
    stage.control.clear_faults()
    stage.return_bills()
    stage.administer("ALTER TABLE bm_meter_details DROP CONSTRAINT somebody_s_own")
    index = stage.map_index(MONTHLY, run_id, "1061")
    scene.pages.show_log(MONTHLY, run_id, "sync_branch", "ORA-00942", index)
    scene.pages.show_clear_dialog()
    scene.pages.take_picture("clear-dialog", height=640)
    _confirm_and_finish(scene, run_id)
    if stage.states(MONTHLY, run_id)["1061"] != "success":
        raise SceneError("the cleared branch is not in")
    scene.pages.show_branches(MONTHLY, run_id, "sync_branch", "1062")
    scene.pages.show_clear_dialog_of(("1062", "1064"))
    _confirm_and_finish(scene, run_id)
    if stage.api.run(MONTHLY, run_id).state != "success":
        raise SceneError(f"after the repair: {stage.states(MONTHLY, run_id)}")
    scene.pages.show_branches(MONTHLY, run_id, "sync_branch", "1062")
    scene.pages.take_picture("repaired", height=760)


def _confirm_and_finish(scene: Play, run_id: str) -> None:
    scene.pages.confirm("Confirm")
    wait_until(lambda: scene.stage.api.run(MONTHLY, run_id).state not in FINISHED, 60, "the run to go on", 0.2)
    scene.stage.finished(MONTHLY, run_id)


def _a_month_that_is_accepted(scene: Play) -> None:
    """A month that is thinner than what is stored is refused, then accepted."""
    stage, ym = scene.stage, scene.months[-4]
    stage.withdraw_bills("1245", ym)
    form = {"ym": ym, "branches": ["1245"]}
    refused = stage.run(MONTHLY, form)
    (report,) = stage.summary(refused)["reports"]
    stage.expect("bills withdrawn after the month was loaded", report["failed"]["1245"], "customers in Oracle")
    accepted = stage.run(MONTHLY, {**form, "accept_incomplete": True})
    (report,) = stage.summary(accepted)["reports"]
    stage.expect("the same, accepted", report["loaded"]["1245"]["warnings"][0], "; accepted")
    stage.return_bills()


def _a_code_that_nobody_has_classified(scene: Play) -> None:
    """Oracle fails in a way that nobody has foreseen; marking the branch as a success does not help."""
    stage = scene.stage
    form = {"ym": scene.months[-4], "branches": ["1064"]}
    with stage.broken("ora=4030@execute,bind=1064"):
        run = stage.run(MONTHLY, form)
    (report,) = stage.summary(run)["reports"]
    stage.expect("a code that nobody has classified", report["failed"]["1064"], "Oracle failed with ORA-04030")
    stage.api.mark_task(MONTHLY, run.run_id, "sync_branch", 0, "success")
    wait_until(lambda: stage.api.run(MONTHLY, run.run_id).state not in FINISHED, 60, "the run to go on", 0.2)
    (report,) = stage.summary(stage.finished(MONTHLY, run.run_id))["reports"]
    stage.expect("a branch that somebody marked as a success", report["failed"]["1064"], "marked as a success by hand")


def _a_cohort_that_shrinks(scene: Play) -> None:
    """A yearly run finds far fewer customers than the cohort that is stored."""
    stage = scene.stage
    october = october_of(fiscal_year_of(scene.months[0]))
    stage.withdraw_bills("1064", october)
    run = stage.run(YEARLY, {"debt_ym": october, "branches": ["1064"], "history_months": 0})
    report, *_ = stage.summary(run, YEARLY)["reports"]
    stage.expect("an October whose bills were withdrawn", report["failed"]["1064"], "that are stored")
    stage.return_bills()


def _a_check_that_is_red(scene: Play) -> None:
    """Requests, logins and databases that are wrong."""
    stage, ym = scene.stage, scene.months[-4]
    bad_month = f"{ym[:4]}-13"
    run = stage.expect_problem("a thirteenth month", "is not a month", {"ym": bad_month})
    scene.pages.show_log(MONTHLY, run.run_id, "check", "is not a month")
    scene.pages.wrap_log()
    scene.pages.take_picture("check-red", height=560)
    scene.pages.unwrap_log()
    stage.expect_problem("a month in the future", "is in the future", {"ym": "219901"})
    stage.expect_problem("a branch that is not in the list", "not in the list", {"ym": ym, "branches": ["9999"]})
    tick = datetime(int(ym[:4]) - 3, int(ym[4:]), 16, 8, tzinfo=BANGKOK)
    dated = stage.finished(MONTHLY, stage.api.trigger(MONTHLY, logical_date=tick))
    stage.expect("a run dated on a tick", str(stage.summary(dated)["problem"]), "is the date of a scheduled run")
    first = datetime(int(ym[:4]) - 3, int(ym[4:]) % 12 + 1, 1, tzinfo=BANGKOK)
    stage.api.backfill(MONTHLY, first, first + timedelta(days=27), form={"ym": ym})
    wait_until(lambda: _are_finished(stage, MONTHLY, 1), _BACKFILL_TIMEOUT_S, "the backfill with a month", 1)
    filled = min(stage.api.runs(MONTHLY), key=lambda run: (run.run_type != "backfill", str(run.data_interval_end)))
    stage.expect("a backfill with a month", str(stage.summary(filled)["problem"]), "cannot be given with a backfill")
    early = october_of(fiscal_year_of(scene.months[0]) - 1)
    none = stage.run(MONTHLY, {"ym": early, "branches": ["1061"]})
    (report,) = stage.summary(none)["reports"]
    stage.expect("a month whose year has no cohort", report["failed"]["1061"], "no cohort of fiscal year")
    with stage.broken("ora=1017@login,times=always"):
        stage.expect_problem("a wrong password of Oracle", "Oracle refuses with ORA-01017", {"ym": ym})
    with stage.broken("ora=28000@login,times=always"):
        stage.expect_problem("a locked account of Oracle", "the account is locked", {"ym": ym})
    with stage.administered("ALTER ROLE bigmeter NOLOGIN", "ALTER ROLE bigmeter LOGIN"):
        stage.expect_problem("a PostgreSQL role that may not log in", "the login is refused", {"ym": ym})
    with stage.administered(
        "ALTER TABLE bm_schema_migrations RENAME TO somebody_s_own",
        "ALTER TABLE somebody_s_own RENAME TO bm_schema_migrations",
    ):
        stage.expect_problem("a database that is not migrated", "not applied yet", {"ym": ym})


def _servers_that_do_not_answer(scene: Play) -> None:
    """A listener that refuses, one that stays silent, a PostgreSQL without a free connection."""
    stage, ym = scene.stage, scene.months[-4]
    form = {"ym": ym, "branches": ["1064"]}
    waiting = []
    with stage.broken("refuse@connect"):
        waiting.append(stage.api.trigger(MONTHLY, form))
        stage.expect_retry("a listener that refuses", "Oracle cannot answer now", MONTHLY, waiting[-1], "check")
    with stage.administered("ALTER ROLE bigmeter CONNECTION LIMIT 0", "ALTER ROLE bigmeter CONNECTION LIMIT -1"):
        waiting.append(stage.api.trigger(MONTHLY, form))
        stage.expect_retry(
            "a PostgreSQL that takes no connection", "PostgreSQL cannot be reached", MONTHLY, waiting[-1], "check"
        )
    with stage.broken("hang@execute,bind=1064"):
        waiting.append(stage.api.trigger(MONTHLY, form))
        stage.expect_retry("a query that does not end", "DPY-4024", MONTHLY, waiting[-1], "1064")
    with stage.broken("freeze@login"):
        waiting.append(stage.api.trigger(MONTHLY, form))
        stage.expect_retry("a server that stays silent", "not finished after", MONTHLY, waiting[-1], "check")
    for run_id in waiting:
        run = stage.finished(MONTHLY, run_id)
        if run.state != "success":
            raise SceneError(f"{run_id} did not recover by itself")


def _a_task_that_dies(scene: Play) -> None:
    """A task is killed and comes back; another is marked as failed."""
    stage = scene.stage
    form = {"ym": scene.months[-4], "branches": ["1064"]}
    with stage.broken("delay=20@execute,bind=1064"):
        killed = stage.api.trigger(MONTHLY, form)
        stage.wait_for_state(MONTHLY, killed, "1064", "running")
        stage.kill_task()
        stage.wait_for_state(MONTHLY, killed, "1064", "up_for_retry")
    stage.expect("a task that is killed", "up_for_retry", "up_for_retry")
    with stage.broken("delay=20@execute,bind=1064"):
        marked = stage.api.trigger(MONTHLY, form)
        stage.wait_for_state(MONTHLY, marked, "1064", "running")
        stage.mark_failed(marked, "1064")
        run = stage.finished(MONTHLY, marked)
    (report,) = stage.summary(run)["reports"]
    stage.expect("a task that somebody marked as failed", report["failed"]["1064"], "ended without a word")
    if stage.finished(MONTHLY, killed).state != "success":
        raise SceneError("the killed task did not come back")


def _a_paused_dag(scene: Play) -> None:
    """A run of a paused DAG waits."""
    stage = scene.stage
    stage.api.set_paused(MONTHLY, True)
    run_id = stage.api.trigger(MONTHLY, {"ym": scene.months[-4], "branches": ["1064"]})
    looked = stage.run(FRESHNESS)  # the scheduler had time to start it
    if (stage.api.run(MONTHLY, run_id).state, looked.state) != ("queued", "failed"):
        raise SceneError("a paused DAG has started a run")
    stage.expect("a paused DAG", "queued", "queued")
    stage.api.set_paused(MONTHLY, False)
    if stage.finished(MONTHLY, run_id).state != "success":
        raise SceneError("the waiting run did not succeed")


def _a_dag_that_cannot_be_read(scene: Play) -> None:
    """A schedule that would lose a month: the DAGs cannot be imported, and the list says so."""
    stage = scene.stage
    stage.parse_dags(CRON_MONTHLY="0 0 8 31 * *")
    (error, *_) = stage.api.import_errors().values()
    stage.expect("CRON_MONTHLY on the 31st", error.strip().splitlines()[-1], "does not fire once in each month")
    scene.pages.show_import_error(f"{MONTHLY}.py", "does not fire once in each month")
    scene.pages.take_picture("import-error", height=680)
    stage.parse_dags()
    if stage.api.import_errors():
        raise SceneError("the DAGs are still not read")


def _the_manuals(scene: Play) -> None:
    """Each DAG explains itself."""
    for dag_id, text in (
        (MONTHLY, "When a branch is red"),
        (YEARLY, "A cohort is frozen"),
        (FRESHNESS, "When it is red"),
    ):
        scene.pages.show_manual(dag_id, text)
    scene.pages.show_manual(MONTHLY, "When a branch is red")
    scene.pages.take_picture("manual", height=820)


def _runs(stage: Stage, dag_id: str) -> list[str]:
    return [run.run_id for run in stage.api.runs(dag_id)]


def _count(stage: Stage, run_id: str, state: str) -> int:
    tasks = stage.api.task_instances(YEARLY, run_id)
    return sum(one.task_id == "capture_cohort" and one.state == state for one in tasks)


def _are_finished(stage: Stage, dag_id: str, at_least: int) -> bool:
    states = [run.state for run in stage.api.runs(dag_id)]
    return len(states) >= at_least and all(state in FINISHED for state in states)


def _require_success(stage: Stage, dag_id: str) -> None:
    failed = [run.run_id for run in stage.api.runs(dag_id) if run.state != "success"]
    if failed:
        raise SceneError(f"{dag_id}: failed: {', '.join(failed)}")


def _first_day(ym: Ym) -> date:
    return date(int(ym[:4]), int(ym[4:]), 1)


def _last_day(ym: Ym) -> date:
    year, month = int(ym[:4]), int(ym[4:])
    return date(year, month, calendar.monthrange(year, month)[1])


def months_until(last: Ym) -> tuple[Ym, ...]:
    """Return the months of the play: seven, the last of them the last that is due."""
    return tuple(add_months(last, back) for back in range(-6, 1))

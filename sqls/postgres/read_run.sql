-- Purpose: read what the attempts of one run came to, in the order in which they ended.
-- Grain: one row per attempt of a branch and period.
-- Binds:
--   run_id: text
--   dag_id: text; NULL for a run outside Airflow
-- Caller: include.bigmeter.store.ledger.read_run
SELECT
    id, kind, status, branch_code, fiscal_year, year_month, debt_ym, error_category, error_message, cohort_size,
    reported, zero, missing, inserted, updated, unchanged, removed, duplicates, entered, departed, usage_m3,
    oracle_seconds, round_trips, started_at, finished_at, dag_id, run_id, try_number, triggered_by
FROM bm_sync_runs
WHERE run_id = %(run_id)s AND dag_id IS NOT DISTINCT FROM %(dag_id)s
ORDER BY id

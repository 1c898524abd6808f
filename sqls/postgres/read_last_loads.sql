-- Purpose: read the last load that is in, of each branch and kind; a month that was adopted is no load.
-- Grain: one row per (branch_code, kind).
-- Binds: none
-- Caller: include.bigmeter.store.ledger.read_last_loads
SELECT DISTINCT ON (branch_code, kind)
    id, kind, status, branch_code, fiscal_year, year_month, debt_ym, error_category, error_message, cohort_size,
    reported, zero, missing, inserted, updated, unchanged, removed, duplicates, entered, departed, usage_m3,
    oracle_seconds, round_trips, started_at, finished_at, dag_id, run_id, try_number, triggered_by
FROM bm_sync_runs
WHERE status = 'success' AND kind <> 'adopted'
ORDER BY branch_code, kind, id DESC

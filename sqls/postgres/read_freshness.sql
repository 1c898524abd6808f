-- Purpose: say how fresh each branch is.
-- Grain: one row per branch.
-- Binds: none
-- Caller: include.bigmeter.store.ledger.read_freshness
SELECT
    branch_code, branch_name, last_year_month, fiscal_year, loaded_at, cohort_size, reported, zero, missing,
    complete_share, usage_m3, kind, dag_id, run_id, first_year_month, months_loaded, last_attempt_at,
    last_attempt_status, last_error_category, last_error_message
FROM bm_freshness
ORDER BY branch_code

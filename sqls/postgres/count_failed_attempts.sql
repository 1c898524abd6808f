-- Purpose: count the attempts that failed, retried ones too, since the ledger began.
-- Grain: one row per (branch_code, kind, error_category).
-- Binds: none
-- Caller: include.bigmeter.store.ledger.count_failed_attempts
SELECT branch_code, kind, error_category, count(*)
FROM bm_sync_runs
WHERE status = 'error'
GROUP BY branch_code, kind, error_category

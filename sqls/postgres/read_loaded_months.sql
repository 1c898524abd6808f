-- Purpose: say what is loaded: the latest successful load of every branch-month, by the ledger, and when it was last
--   loaded for its own sake: not as history for a new cohort. NULL if never.
-- Grain: one row per (fiscal_year, year_month, branch_code).
-- Binds:
--   year_month: text, Gregorian YYYYMM; NULL for every month
--   fiscal_year: integer, Gregorian, of the cohort; NULL for each month's own
-- Caller: include.bigmeter.store.ledger.read_loaded_months
SELECT
    l.fiscal_year, l.year_month, l.branch_code, l.ledger_id, l.kind, l.cohort_size, l.reported, l.zero, l.missing,
    l.duplicates, l.usage_m3, l.loaded_at, l.dag_id, l.run_id, own.own_load_at, own.is_adopted
FROM bm_loaded_months AS l
CROSS JOIN LATERAL (
    SELECT
        max(r.finished_at) FILTER (WHERE r.kind = 'monthly') AS own_load_at,
        bool_or(r.kind = 'adopted') AS is_adopted
    FROM bm_sync_runs AS r
    WHERE r.status = 'success'
      AND r.branch_code = l.branch_code
      AND r.year_month = l.year_month
      AND r.fiscal_year = l.fiscal_year
) AS own
WHERE (%(year_month)s::text IS NULL OR l.year_month = %(year_month)s)
  AND CASE WHEN %(fiscal_year)s::integer IS NULL THEN l.is_own_year ELSE l.fiscal_year = %(fiscal_year)s END
ORDER BY l.year_month, l.branch_code, l.fiscal_year

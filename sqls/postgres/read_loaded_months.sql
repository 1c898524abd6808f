-- Purpose: say what is loaded: the latest successful load of every branch-month, by the ledger.
-- Grain: one row per (fiscal_year, year_month, branch_code).
-- Binds:
--   year_month: text, Gregorian YYYYMM; NULL for every month
--   fiscal_year: integer, Gregorian, of the cohort; NULL for each month's own
-- Caller: include.bigmeter.store.ledger.read_loaded_months
SELECT
    fiscal_year, year_month, branch_code, ledger_id, kind, cohort_size, reported, zero, missing, duplicates, usage_m3,
    loaded_at, dag_id, run_id
FROM bm_loaded_months
WHERE (%(year_month)s::text IS NULL OR year_month = %(year_month)s)
  AND CASE WHEN %(fiscal_year)s::integer IS NULL THEN is_own_year ELSE fiscal_year = %(fiscal_year)s END
ORDER BY year_month, branch_code, fiscal_year

-- Purpose: say which branches have a cohort for a fiscal year, and how large it is.
-- Grain: one row per branch: branch_code, cohort_size.
-- Binds:
--   fiscal_year: integer, Gregorian
-- Caller: include.bigmeter.store.cohorts.count_cohorts
SELECT branch_code, count(*) AS cohort_size
FROM bm_custcode_init
WHERE fiscal_year = %(fiscal_year)s
GROUP BY branch_code
ORDER BY branch_code

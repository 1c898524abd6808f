-- Purpose: say from which fiscal year on each branch is followed.
-- Grain: one row per branch: branch_code, fiscal_year (Gregorian) of its first cohort.
-- Binds: none
-- Caller: include.bigmeter.store.cohorts.read_first_cohorts
SELECT branch_code, min(fiscal_year) AS fiscal_year
FROM bm_custcode_init
GROUP BY branch_code
ORDER BY branch_code

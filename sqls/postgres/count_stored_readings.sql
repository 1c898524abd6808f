-- Purpose: say how many of a cohort's members have a stored reading of a month, for the guard against half a month.
-- Grain: one row: stored.
-- Binds:
--   ym: text, Gregorian YYYYMM
--   branch_code: text, 4-digit BA code
--   cust_codes: text array, the members of the cohort
-- Caller: include.bigmeter.store.readings.count_stored
SELECT count(*) AS stored
FROM bm_meter_details
WHERE year_month = %(ym)s AND branch_code = %(branch_code)s AND cust_code = ANY(%(cust_codes)s::text[])

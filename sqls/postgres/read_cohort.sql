-- Purpose: read the cohort of a branch and fiscal year, largest first; an adopted cohort, without ranks, by code.
-- Grain: one row per customer.
-- Binds:
--   fiscal_year: integer, Gregorian
--   branch_code: text, 4-digit BA code
-- Caller: include.bigmeter.store.cohorts.read_cohort
SELECT
    fiscal_year, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
    meter_size, meter_brand, meter_state, debt_ym, present_water_usg, usage_rank
FROM bm_custcode_init
WHERE fiscal_year = %(fiscal_year)s AND branch_code = %(branch_code)s
ORDER BY usage_rank NULLS LAST, cust_code COLLATE "C"

-- Purpose: compare Oracle's result with the stored cohort: who would enter, who would leave, who is in both.
-- Grain: one row per customer of either: cust_code, is_stored, is_incoming.
-- Binds:
--   fiscal_year: integer, Gregorian
--   branch_code: text, 4-digit BA code
-- Caller: include.bigmeter.store.cohorts.write_cohort, replace_cohort
SELECT
    cust_code,
    stored.present IS NOT NULL AS is_stored,
    incoming.present IS NOT NULL AS is_incoming
FROM (
    SELECT cust_code, true AS present
    FROM bm_custcode_init
    WHERE fiscal_year = %(fiscal_year)s AND branch_code = %(branch_code)s
) AS stored
FULL JOIN (SELECT cust_code, true AS present FROM pg_temp.bm_incoming_cohort) AS incoming USING (cust_code)
ORDER BY cust_code COLLATE "C"

-- Purpose: drop the members that a recapture does not find any more; their readings stay.
-- Grain: row count.
-- Binds:
--   fiscal_year: integer, Gregorian
--   branch_code: text, 4-digit BA code
-- Caller: include.bigmeter.store.cohorts.replace_cohort
DELETE FROM bm_custcode_init AS stored
WHERE stored.fiscal_year = %(fiscal_year)s
  AND stored.branch_code = %(branch_code)s
  AND NOT EXISTS (
      SELECT FROM pg_temp.bm_incoming_cohort AS incoming WHERE incoming.cust_code = stored.cust_code
  )

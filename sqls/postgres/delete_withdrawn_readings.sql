-- Purpose: remove the readings of cohort members whose bill has been withdrawn since the month was last loaded.
-- Grain: row count; rows of customers outside this cohort stay, they belong to another cohort's history.
-- Binds:
--   ym: text, Gregorian YYYYMM
--   branch_code: text, 4-digit BA code
--   cust_codes: text array, the members of the cohort
-- Caller: include.bigmeter.store.readings.write_month
DELETE FROM bm_meter_details AS stored
WHERE stored.year_month = %(ym)s
  AND stored.branch_code = %(branch_code)s
  AND stored.cust_code = ANY(%(cust_codes)s::text[])
  AND NOT EXISTS (
      SELECT FROM pg_temp.bm_incoming_readings AS incoming WHERE incoming.cust_code = stored.cust_code
  )

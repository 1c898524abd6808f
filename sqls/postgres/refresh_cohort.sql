-- Purpose: bring the descriptive columns of a frozen cohort up to date; usage, rank, debt_ym and created_at stay.
-- Grain: row count, of the members in which something changed.
-- Binds: none
-- Caller: include.bigmeter.store.cohorts.write_cohort
UPDATE bm_custcode_init AS stored
SET org_name = incoming.org_name,
    use_type = incoming.use_type,
    use_name = incoming.use_name,
    cust_name = incoming.cust_name,
    address = incoming.address,
    route_code = incoming.route_code,
    meter_no = incoming.meter_no,
    meter_size = incoming.meter_size,
    meter_brand = incoming.meter_brand,
    meter_state = incoming.meter_state,
    updated_at = statement_timestamp()
FROM pg_temp.bm_incoming_cohort AS incoming
WHERE stored.fiscal_year = incoming.fiscal_year
  AND stored.branch_code = incoming.branch_code
  AND stored.cust_code = incoming.cust_code
  AND (
      stored.org_name, stored.use_type, stored.use_name, stored.cust_name, stored.address, stored.route_code,
      stored.meter_no, stored.meter_size, stored.meter_brand, stored.meter_state
  ) IS DISTINCT FROM (
      incoming.org_name, incoming.use_type, incoming.use_name, incoming.cust_name, incoming.address,
      incoming.route_code, incoming.meter_no, incoming.meter_size, incoming.meter_brand, incoming.meter_state
  )

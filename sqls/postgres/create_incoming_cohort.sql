-- Purpose: make the place that a cohort is copied to, with the types of the table itself.
-- Grain: a temporary table, empty; gone when the transaction ends.
-- Binds: none
-- Caller: include.bigmeter.store.cohorts.write_cohort, replace_cohort
CREATE TEMPORARY TABLE bm_incoming_cohort ON COMMIT DROP AS
SELECT
    fiscal_year, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
    meter_size, meter_brand, meter_state, debt_ym, present_water_usg, usage_rank
FROM bm_custcode_init
WITH NO DATA

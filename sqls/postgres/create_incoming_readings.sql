-- Purpose: make the place that a month's readings are copied to, with the types of the table itself.
-- Grain: a temporary table, empty; gone when the transaction ends.
-- Binds: none
-- Caller: include.bigmeter.store.readings.write_month
CREATE TEMPORARY TABLE bm_incoming_readings ON COMMIT DROP AS
SELECT
    year_month, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
    meter_size, meter_brand, meter_state, average, present_meter_count, present_water_usg, debt_ym
FROM bm_meter_details
WITH NO DATA

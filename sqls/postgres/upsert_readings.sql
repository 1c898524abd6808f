-- Purpose: store the readings that are new or in which something changed, and leave every other row untouched.
-- Grain: returns one row: inserted, updated.
-- Binds:
--   ym: text, Gregorian YYYYMM
--   branch_code: text, 4-digit BA code
-- Caller: include.bigmeter.store.readings.write_month
-- EXCEPT takes NULL as equal to NULL, and 1.0 as equal to 1.00: a number of another scale is no change. It comes
-- before ON CONFLICT, which would lock, and so rewrite, rows that stay as they are.
-- The times are those of this statement, not now(), when the transaction began: Oracle was read since, and whoever
-- follows updated_at would have passed that moment before these rows can be seen.
WITH changed AS (
    SELECT
        year_month, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
        meter_size, meter_brand, meter_state, average, present_meter_count, present_water_usg, debt_ym
    FROM pg_temp.bm_incoming_readings
    EXCEPT
    SELECT
        year_month, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
        meter_size, meter_brand, meter_state, average, present_meter_count, present_water_usg, debt_ym
    FROM bm_meter_details
    WHERE year_month = %(ym)s AND branch_code = %(branch_code)s
),
written AS (
    INSERT INTO bm_meter_details AS stored (
        year_month, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
        meter_size, meter_brand, meter_state, average, present_meter_count, present_water_usg, debt_ym, created_at,
        updated_at)
    SELECT
        year_month, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
        meter_size, meter_brand, meter_state, average, present_meter_count, present_water_usg, debt_ym,
        statement_timestamp(), statement_timestamp()
    FROM changed
    ON CONFLICT (year_month, branch_code, cust_code) DO UPDATE SET
        org_name = excluded.org_name,
        use_type = excluded.use_type,
        use_name = excluded.use_name,
        cust_name = excluded.cust_name,
        address = excluded.address,
        route_code = excluded.route_code,
        meter_no = excluded.meter_no,
        meter_size = excluded.meter_size,
        meter_brand = excluded.meter_brand,
        meter_state = excluded.meter_state,
        average = excluded.average,
        present_meter_count = excluded.present_meter_count,
        present_water_usg = excluded.present_water_usg,
        debt_ym = excluded.debt_ym,
        updated_at = excluded.updated_at
    RETURNING year_month, branch_code, cust_code
)
-- The table read here is the one before the insert: all parts of a statement share one snapshot.
SELECT
    count(*) FILTER (WHERE before.cust_code IS NULL) AS inserted,
    count(*) FILTER (WHERE before.cust_code IS NOT NULL) AS updated
FROM written
LEFT JOIN bm_meter_details AS before USING (year_month, branch_code, cust_code)

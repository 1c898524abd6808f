-- Purpose: store the members that are new or in which something changed: a first capture, or a recapture.
-- Grain: returns one row: inserted, updated. created_at of a member that stays, stays.
-- Binds:
--   fiscal_year: integer, Gregorian
--   branch_code: text, 4-digit BA code
-- Caller: include.bigmeter.store.cohorts.write_cohort, replace_cohort
-- The times are those of this statement, not now(), when the transaction began: it may have waited since for a load of
-- a month, and its new members have not been asked for in that month.
WITH changed AS (
    SELECT
        fiscal_year, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
        meter_size, meter_brand, meter_state, debt_ym, present_water_usg, usage_rank
    FROM pg_temp.bm_incoming_cohort
    EXCEPT
    SELECT
        fiscal_year, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
        meter_size, meter_brand, meter_state, debt_ym, present_water_usg, usage_rank
    FROM bm_custcode_init
    WHERE fiscal_year = %(fiscal_year)s AND branch_code = %(branch_code)s
),
written AS (
    INSERT INTO bm_custcode_init AS stored (
        fiscal_year, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
        meter_size, meter_brand, meter_state, debt_ym, present_water_usg, usage_rank, created_at, updated_at)
    SELECT
        fiscal_year, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
        meter_size, meter_brand, meter_state, debt_ym, present_water_usg, usage_rank, statement_timestamp(),
        statement_timestamp()
    FROM changed
    ON CONFLICT (fiscal_year, branch_code, cust_code) DO UPDATE SET
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
        debt_ym = excluded.debt_ym,
        present_water_usg = excluded.present_water_usg,
        usage_rank = excluded.usage_rank,
        updated_at = excluded.updated_at
    RETURNING fiscal_year, branch_code, cust_code
)
-- The table read here is the one before the insert: all parts of a statement share one snapshot.
SELECT
    count(*) FILTER (WHERE before.cust_code IS NULL) AS inserted,
    count(*) FILTER (WHERE before.cust_code IS NOT NULL) AS updated
FROM written
LEFT JOIN bm_custcode_init AS before USING (fiscal_year, branch_code, cust_code)

-- Purpose: receive a cohort.
-- Grain: one row per customer; the order of the columns is that of CohortMember.
-- Binds: none
-- Caller: include.bigmeter.store.cohorts.write_cohort, replace_cohort
COPY pg_temp.bm_incoming_cohort (
    fiscal_year, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
    meter_size, meter_brand, meter_state, debt_ym, present_water_usg, usage_rank
) FROM STDIN

-- Purpose: receive a month's readings.
-- Grain: one row per customer; the order of the columns is that of MeterReading.
-- Binds: none
-- Caller: include.bigmeter.store.readings.write_month
COPY pg_temp.bm_incoming_readings (
    year_month, branch_code, org_name, cust_code, use_type, use_name, cust_name, address, route_code, meter_no,
    meter_size, meter_brand, meter_state, average, present_meter_count, present_water_usg, debt_ym
) FROM STDIN

-- Purpose: record that a branch was loaded, in the transaction of its rows. The server's clock: started_at is when
--   the transaction began.
-- Grain: returns one row: id.
-- Binds:
--   kind: text, monthly, history or yearly
--   branch_code: text, 4-digit BA code
--   fiscal_year: integer, Gregorian, of the cohort
--   year_month: text, Gregorian YYYYMM; NULL for yearly
--   debt_ym: text, YYYYMM as Oracle has it
--   cohort_size: integer, customers
--   reported: integer, customers
--   zero: integer, customers
--   missing: integer, customers
--   inserted: integer, rows
--   updated: integer, rows
--   unchanged: integer, rows
--   removed: integer, rows
--   duplicates: integer, rows
--   entered: integer, customers; NULL for monthly
--   departed: integer, customers; NULL for monthly
--   usage_m3: numeric, cubic metres
--   oracle_seconds: double precision, seconds
--   round_trips: integer, count
--   dag_id: text
--   run_id: text
--   try_number: integer, from 1
--   triggered_by: text
-- Caller: include.bigmeter.store.ledger.record_success
INSERT INTO bm_sync_runs (
    kind, status, branch_code, fiscal_year, year_month, debt_ym, cohort_size, reported, zero, missing, inserted,
    updated, unchanged, removed, duplicates, entered, departed, usage_m3, oracle_seconds, round_trips, started_at,
    finished_at, dag_id, run_id, try_number, triggered_by)
VALUES (
    %(kind)s, 'success', %(branch_code)s, %(fiscal_year)s, %(year_month)s, %(debt_ym)s, %(cohort_size)s, %(reported)s,
    %(zero)s, %(missing)s, %(inserted)s, %(updated)s, %(unchanged)s, %(removed)s, %(duplicates)s, %(entered)s,
    %(departed)s, %(usage_m3)s, %(oracle_seconds)s, %(round_trips)s, now(), clock_timestamp(), %(dag_id)s, %(run_id)s,
    %(try_number)s, %(triggered_by)s)
RETURNING id

-- Purpose: record that an attempt failed, on a connection of its own: the attempt's transaction is gone.
-- Grain: returns one row: id.
-- Binds:
--   kind: text, monthly, history or yearly
--   branch_code: text, 4-digit BA code
--   fiscal_year: integer, Gregorian, of the cohort
--   year_month: text, Gregorian YYYYMM; NULL for yearly
--   debt_ym: text, YYYYMM as Oracle has it
--   error_category: text, class of the error
--   error_message: text, one safe line
--   seconds: double precision, seconds that the attempt took
--   oracle_seconds: double precision, seconds; NULL if it never came so far
--   round_trips: integer, count; NULL if it never came so far
--   dag_id: text
--   run_id: text
--   try_number: integer, from 1
--   triggered_by: text
-- Caller: include.bigmeter.store.ledger.record_error
INSERT INTO bm_sync_runs (
    kind, status, branch_code, fiscal_year, year_month, debt_ym, error_category, error_message, oracle_seconds,
    round_trips, started_at, finished_at, dag_id, run_id, try_number, triggered_by)
VALUES (
    %(kind)s, 'error', %(branch_code)s, %(fiscal_year)s, %(year_month)s, %(debt_ym)s, %(error_category)s,
    %(error_message)s, %(oracle_seconds)s, %(round_trips)s, now() - make_interval(secs => %(seconds)s), now(),
    %(dag_id)s, %(run_id)s, %(try_number)s, %(triggered_by)s)
RETURNING id

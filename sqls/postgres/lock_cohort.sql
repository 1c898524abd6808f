-- Purpose: take the lock of a branch-year and set the transaction's time limits, in one round trip.
-- Grain: one row that says nothing; the lock is held until the transaction ends.
-- Binds:
--   branch_code: text, 4-digit BA code
--   fiscal_year: integer, Gregorian
--   lock_timeout: text, milliseconds
--   statement_timeout: text, milliseconds
--   idle_timeout: text, milliseconds
-- Caller: include.bigmeter.store.transactions.cohort_transaction
SELECT
    set_config('lock_timeout', %(lock_timeout)s, true),
    set_config('statement_timeout', %(statement_timeout)s, true),
    set_config('idle_in_transaction_session_timeout', %(idle_timeout)s, true),
    -- A machine that lost its power says nothing: without these its locks would stay for hours.
    set_config('tcp_keepalives_idle', '60', true),
    set_config('tcp_keepalives_interval', '10', true),
    set_config('tcp_keepalives_count', '3', true),
    pg_advisory_xact_lock(hashtextextended(
        concat_ws('/', 'bigmeter', current_schema(), 'yearly', %(branch_code)s::text, %(fiscal_year)s::integer), 0))

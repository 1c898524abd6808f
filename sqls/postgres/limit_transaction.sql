-- Purpose: set the time limits of a short transaction, so that nobody waits for it without end.
-- Grain: one row that says nothing; the limits end with the transaction.
-- Binds:
--   lock_timeout: text, milliseconds
--   statement_timeout: text, milliseconds
-- Caller: include.bigmeter.store.transactions.short_transaction
SELECT
    set_config('lock_timeout', %(lock_timeout)s, true),
    set_config('statement_timeout', %(statement_timeout)s, true)

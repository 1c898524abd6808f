-- Purpose: let one migrator at a time work on this schema, and wait a minute at most for it or for a table.
-- Grain: one row that says nothing; the lock is held until the transaction ends.
-- Binds: none
-- Caller: include.bigmeter.store.migrations.migrate
SELECT
    set_config('lock_timeout', '60000', true),
    pg_advisory_xact_lock(hashtextextended(concat_ws('/', 'bigmeter', current_schema(), 'migrations'), 0))

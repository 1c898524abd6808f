-- Purpose: read which migrations were applied.
-- Grain: one row per file.
-- Binds: none
-- Caller: include.bigmeter.store.migrations.pending, migrate
SELECT version, name, checksum
FROM bm_schema_migrations
ORDER BY version

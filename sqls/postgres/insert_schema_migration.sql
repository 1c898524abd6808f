-- Purpose: record an applied migration, in its own transaction.
-- Grain: one row.
-- Binds:
--   version: integer, the number that the file name starts with
--   name: text, file name
--   checksum: text, hexadecimal
-- Caller: include.bigmeter.store.migrations.migrate
INSERT INTO bm_schema_migrations (version, name, checksum)
VALUES (%(version)s, %(name)s, %(checksum)s)

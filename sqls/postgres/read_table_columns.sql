-- Purpose: read which columns the tables have that stand where ours will be.
-- Grain: one row per table that exists: table_name, column_names.
-- Binds:
--   table_names: text array
-- Caller: include.bigmeter.store.migrations.migrate
SELECT c.relname::text AS table_name, array_agg(a.attname::text) AS column_names
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%(table_names)s::text[])
GROUP BY c.relname
ORDER BY c.relname

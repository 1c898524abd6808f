-- Purpose: say in which schema tables are made, and which of ours are found in another one on the search_path.
-- Grain: one row: schema (NULL if there is none), elsewhere (text array, schema and table), is_recorded (boolean,
--   whether any migration was ever applied).
-- Binds:
--   table_names: text array
-- Caller: include.bigmeter.store.migrations.pending, migrate
SELECT
    current_schema() AS "schema",
    ARRAY(
        SELECT concat_ws('.', n.nspname, c.relname)
        FROM unnest(%(table_names)s::text[]) AS wanted (table_name)
        JOIN pg_class AS c ON c.oid = to_regclass(wanted.table_name)
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname <> current_schema()
        ORDER BY 1
    ) AS elsewhere,
    to_regclass('bm_schema_migrations') IS NOT NULL AS is_recorded

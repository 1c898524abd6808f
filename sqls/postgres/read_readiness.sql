-- Purpose: say what the loading role may do and what the database is, before any branch runs.
-- Grain: one row.
-- Binds: none
-- Caller: include.bigmeter.store.readiness.check_store
SELECT
    current_setting('server_version_num')::integer AS server_version,
    current_setting('server_encoding') AS encoding,
    pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS is_read_only,
    has_database_privilege(current_database(), 'TEMPORARY') AS has_temporary,
    ARRAY(
        SELECT needed.table_name
        FROM (VALUES
            ('bm_branches', 'SELECT'), ('bm_branches', 'INSERT'), ('bm_branches', 'UPDATE'),
            ('bm_custcode_init', 'SELECT'), ('bm_custcode_init', 'INSERT'), ('bm_custcode_init', 'UPDATE'),
            ('bm_custcode_init', 'DELETE'),
            ('bm_meter_details', 'SELECT'), ('bm_meter_details', 'INSERT'), ('bm_meter_details', 'UPDATE'),
            ('bm_meter_details', 'DELETE'),
            ('bm_sync_runs', 'SELECT'), ('bm_sync_runs', 'INSERT'),
            ('bm_loaded_months', 'SELECT'), ('bm_meter_status', 'SELECT'), ('bm_freshness', 'SELECT')
        ) AS needed (table_name, privilege)
        WHERE NOT has_table_privilege(needed.table_name, needed.privilege)
        GROUP BY needed.table_name
        ORDER BY needed.table_name
    ) AS without_privilege

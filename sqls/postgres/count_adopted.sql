-- Purpose: count what an adoption kept, set aside and recorded.
-- Grain: one row per table (reason NULL: rows kept; of bm_sync_runs: adopted months) and per table and reason.
-- Binds: none
-- Caller: include.bigmeter.store.migrations.migrate
SELECT 'bm_branches' AS table_name, NULL AS reason, count(*) AS row_count FROM bm_branches
UNION ALL
SELECT 'bm_custcode_init', NULL, count(*) FROM bm_custcode_init
UNION ALL
SELECT 'bm_meter_details', NULL, count(*) FROM bm_meter_details
UNION ALL
SELECT 'bm_sync_runs', NULL, count(*) FROM bm_sync_runs WHERE kind = 'adopted'
UNION ALL
SELECT table_name, reason, count(*) FROM bm_adopted_aside GROUP BY table_name, reason
ORDER BY 1, 2 NULLS FIRST

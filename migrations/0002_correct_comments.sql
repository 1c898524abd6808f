-- What two columns mean, said as it is.

COMMENT ON COLUMN bm_sync_runs.triggered_by IS
    'What asked: Airflow''s type of the run (scheduled, backfill, manual, operator_triggered), command line, or migrate.';

COMMENT ON COLUMN bm_loaded_months.loaded_at IS
    'When the load ended. If the month itself had not ended by then, in the zone of the schedule, it is not in yet: its billing was open.';

-- History that is loaded for a new cohort is a kind of its own in the ledger: a month is in when its own run loaded it.

ALTER TABLE bm_sync_runs DROP CONSTRAINT bm_sync_runs_kind_check;
ALTER TABLE bm_sync_runs ADD CONSTRAINT bm_sync_runs_kind_check
    CHECK (kind IN ('monthly', 'history', 'yearly', 'adopted'));

-- Until now history was told by the DAG that loads it; the command line's is not told from a month of its own.
UPDATE bm_sync_runs SET kind = 'history' WHERE kind = 'monthly' AND dag_id = 'bigmeter_yearly_init';

COMMENT ON COLUMN bm_sync_runs.kind IS
    'monthly: a month; history: a month before, for a new cohort; yearly: a cohort; adopted: found in the first implementation''s database.';
COMMENT ON COLUMN bm_loaded_months.kind IS 'monthly, history or adopted: of the latest load.';
COMMENT ON COLUMN bm_freshness.kind IS 'monthly, history or adopted: of the latest load of that month.';

-- Purpose: make the record of applied migrations, which has to be there before the first of them.
-- Grain: one row per file of migrations/.
-- Binds: none
-- Caller: include.bigmeter.store.migrations.migrate
DO $$
BEGIN
    IF to_regclass('bm_schema_migrations') IS NOT NULL THEN
        RETURN;
    END IF;
    CREATE TABLE bm_schema_migrations (
        version    integer     PRIMARY KEY,
        name       text        NOT NULL,
        checksum   text        NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    );
    COMMENT ON TABLE bm_schema_migrations IS 'The migrations that were applied: one row per file.';
    COMMENT ON COLUMN bm_schema_migrations.version IS 'Number that the file name starts with.';
    COMMENT ON COLUMN bm_schema_migrations.name IS 'File name.';
    COMMENT ON COLUMN bm_schema_migrations.checksum IS 'SHA-256 of the file with lines ended by LF, hexadecimal.';
    COMMENT ON COLUMN bm_schema_migrations.applied_at IS 'When it was applied.';
END
$$

-- The tables and views of the big-meter sync, in the schema that search_path names first.
--
-- A database of the first implementation is adopted here: its three tables are given this shape in place, so that
-- grants and dependent views stay. What the new keys cannot hold, and the rows it invented for customers without a
-- bill, move to bm_adopted_aside. One transaction: a failure leaves the old database as it was.
-- bm_sync_logs, the first implementation's own ledger, is not touched.

CREATE FUNCTION bm_fiscal_year(year_month text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT left(year_month, 4)::integer + (right(year_month, 2) >= '10')::integer $$;

COMMENT ON FUNCTION bm_fiscal_year(text) IS
    'The fiscal year (October to September, Gregorian, labelled by the year it ends in) of a Gregorian YYYYMM.';

-- 1. What the first implementation did not have -----------------------------------------------------------------

CREATE TABLE bm_sync_runs (
    id               bigint GENERATED ALWAYS AS IDENTITY,
    kind             text        NOT NULL,
    status           text        NOT NULL,
    branch_code      text        NOT NULL,
    fiscal_year      integer     NOT NULL,
    year_month       text,
    debt_ym          text,
    error_category   text,
    error_message    text,
    cohort_size      integer,
    reported         integer,
    zero             integer,
    missing          integer,
    inserted         integer,
    updated          integer,
    unchanged        integer,
    removed          integer,
    duplicates       integer,
    entered          integer,
    departed         integer,
    usage_m3         numeric,
    oracle_seconds   double precision,
    round_trips      integer,
    started_at       timestamptz NOT NULL,
    finished_at      timestamptz NOT NULL,
    dag_id           text,
    run_id           text        NOT NULL,
    try_number       integer     NOT NULL DEFAULT 1,
    triggered_by     text        NOT NULL,
    recorded_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT bm_sync_runs_pkey PRIMARY KEY (id),
    CONSTRAINT bm_sync_runs_kind_check CHECK (kind IN ('monthly', 'yearly', 'adopted')),
    CONSTRAINT bm_sync_runs_status_check CHECK (status IN ('success', 'error')),
    CONSTRAINT bm_sync_runs_error_check CHECK ((status = 'error') = (error_category IS NOT NULL)),
    CONSTRAINT bm_sync_runs_error_category_check CHECK (
        error_category IN ('configuration', 'unavailable', 'refused', 'contract', 'incomplete', 'unexpected')),
    CONSTRAINT bm_sync_runs_branch_code_check CHECK (branch_code <> ''),
    CONSTRAINT bm_sync_runs_fiscal_year_check CHECK (fiscal_year BETWEEN 1900 AND 2200),
    CONSTRAINT bm_sync_runs_year_month_check CHECK (year_month ~ '^(19|2[01])[0-9]{2}(0[1-9]|1[0-2])$'),
    CONSTRAINT bm_sync_runs_debt_ym_check CHECK (debt_ym ~ '^[0-9]{4}(0[1-9]|1[0-2])$'),
    CONSTRAINT bm_sync_runs_period_check CHECK ((kind = 'yearly') = (year_month IS NULL)),
    CONSTRAINT bm_sync_runs_counts_check CHECK (
        least(cohort_size, reported, zero, missing, inserted, updated, unchanged, removed, duplicates, entered,
              departed, round_trips) >= 0),
    CONSTRAINT bm_sync_runs_finished_at_check CHECK (finished_at >= started_at)
);

CREATE INDEX bm_sync_runs_loaded_idx ON bm_sync_runs (branch_code, year_month, fiscal_year, id DESC)
    WHERE status = 'success' AND year_month IS NOT NULL;
CREATE INDEX bm_sync_runs_branch_code_idx ON bm_sync_runs (branch_code, id DESC);
CREATE INDEX bm_sync_runs_run_id_idx ON bm_sync_runs (run_id);

COMMENT ON TABLE bm_sync_runs IS
    'The ledger: one row per finished attempt of a branch. A success row is written in the transaction of its rows.';
COMMENT ON COLUMN bm_sync_runs.id IS 'Order in which attempts were recorded; no other meaning.';
COMMENT ON COLUMN bm_sync_runs.kind IS
    'monthly: the readings of one month; yearly: the cohort of one fiscal year; adopted: a month found in the first implementation''s database.';
COMMENT ON COLUMN bm_sync_runs.status IS 'success or error.';
COMMENT ON COLUMN bm_sync_runs.branch_code IS 'Branch, the 4-digit BA code as text.';
COMMENT ON COLUMN bm_sync_runs.fiscal_year IS
    'Fiscal year of the cohort that was asked for, Gregorian, labelled by the year it ends in. A monthly row whose month lies in another fiscal year is history for a new cohort.';
COMMENT ON COLUMN bm_sync_runs.year_month IS 'Month that was loaded, Gregorian YYYYMM; NULL for a yearly row.';
COMMENT ON COLUMN bm_sync_runs.debt_ym IS 'Month as it was asked of Oracle (DEBT_YM, Buddhist-era YYYYMM by default).';
COMMENT ON COLUMN bm_sync_runs.error_category IS
    'Why the attempt failed: configuration, unavailable, refused, contract, incomplete or unexpected; NULL for a success.';
COMMENT ON COLUMN bm_sync_runs.error_message IS
    'One line that says what failed and what to do; never a customer''s name, an address or a driver''s text.';
COMMENT ON COLUMN bm_sync_runs.cohort_size IS 'Customers in the cohort. Count.';
COMMENT ON COLUMN bm_sync_runs.reported IS 'Cohort members with a live bill whose usage is neither null nor 0. Count.';
COMMENT ON COLUMN bm_sync_runs.zero IS 'Cohort members with a live bill of usage 0. Count.';
COMMENT ON COLUMN bm_sync_runs.missing IS
    'Cohort members without a live bill, or with one whose usage is null. Count; reported + zero + missing = cohort_size.';
COMMENT ON COLUMN bm_sync_runs.inserted IS 'Rows that were new; for an adopted month the rows that were kept. Count.';
COMMENT ON COLUMN bm_sync_runs.updated IS 'Stored rows in which something changed. Count.';
COMMENT ON COLUMN bm_sync_runs.unchanged IS 'Stored rows that were already as Oracle has them. Count.';
COMMENT ON COLUMN bm_sync_runs.removed IS
    'Stored rows removed: bills withdrawn since the last load, or members that a recapture dropped. Count.';
COMMENT ON COLUMN bm_sync_runs.duplicates IS 'Further live rows of a customer that Oracle returned, not stored. Count.';
COMMENT ON COLUMN bm_sync_runs.entered IS
    'Yearly: customers in Oracle''s result that are not in the stored cohort; a frozen cohort does not take them in. Count.';
COMMENT ON COLUMN bm_sync_runs.departed IS
    'Yearly: members of the stored cohort that are not in Oracle''s result; a frozen cohort keeps them. Count.';
COMMENT ON COLUMN bm_sync_runs.usage_m3 IS 'Sum of the usage of the cohort''s live bills, cubic metres.';
COMMENT ON COLUMN bm_sync_runs.oracle_seconds IS 'Wall-clock seconds spent waiting for Oracle.';
COMMENT ON COLUMN bm_sync_runs.round_trips IS 'Round trips to Oracle, login and logoff left out. Count.';
COMMENT ON COLUMN bm_sync_runs.started_at IS
    'When the attempt began; for an adopted month when its oldest row was written.';
COMMENT ON COLUMN bm_sync_runs.finished_at IS
    'When the attempt ended; for an adopted month when its newest row was written.';
COMMENT ON COLUMN bm_sync_runs.dag_id IS 'Airflow DAG of the run; NULL outside Airflow.';
COMMENT ON COLUMN bm_sync_runs.run_id IS 'Airflow run, or the name a command gave itself.';
COMMENT ON COLUMN bm_sync_runs.try_number IS 'Attempt within the run, from 1. Count.';
COMMENT ON COLUMN bm_sync_runs.triggered_by IS 'What or who asked: schedule, backfill, a user, the command line, migrate.';
COMMENT ON COLUMN bm_sync_runs.recorded_at IS 'When this row was written, by the server''s clock.';

CREATE TABLE bm_adopted_aside (
    id            bigint GENERATED ALWAYS AS IDENTITY,
    table_name    text        NOT NULL,
    reason        text        NOT NULL,
    row_as_it_was jsonb       NOT NULL,
    set_aside_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT bm_adopted_aside_pkey PRIMARY KEY (id),
    CONSTRAINT bm_adopted_aside_reason_check CHECK (
        reason IN ('bad_key', 'bad_month', 'bad_fiscal_year', 'bad_number', 'invented_zero', 'same_key'))
);

COMMENT ON TABLE bm_adopted_aside IS
    'Rows of the first implementation''s database that this schema does not hold, as they were.';
COMMENT ON COLUMN bm_adopted_aside.id IS 'Order in which rows were set aside; no other meaning.';
COMMENT ON COLUMN bm_adopted_aside.table_name IS 'Table that the row stood in.';
COMMENT ON COLUMN bm_adopted_aside.reason IS
    'bad_key: no branch or customer code; bad_month: a month that is not YYYYMM; bad_fiscal_year: no year; bad_number: not a number or infinite; invented_zero: usage and meter count 0 without a service unit, written where there was no bill; same_key: another row of the same key was kept.';
COMMENT ON COLUMN bm_adopted_aside.row_as_it_was IS 'The whole row, columns by name; numbers exact.';
COMMENT ON COLUMN bm_adopted_aside.set_aside_at IS 'When the database was adopted.';

-- Filled by the adoption below, turned into ledger rows at the end. Empty in a fresh database.
CREATE TEMPORARY TABLE bm_adopted_months (
    fiscal_year  integer,
    year_month   text,
    branch_code  text,
    debt_ym      text,
    row_count    bigint,
    oldest       timestamptz,
    newest       timestamptz
) ON COMMIT DROP;

-- 2. A database of the first implementation: give its tables the shape of section 3 -------------------------------

DO $adopt$
DECLARE
    old_tables regclass[];
    item record;
BEGIN
    SELECT array_agg(c.oid::regclass)
    INTO old_tables
    FROM pg_class AS c
    WHERE c.relnamespace = current_schema()::regnamespace
      AND c.relkind IN ('r', 'p')
      AND c.relname IN ('bm_branches', 'bm_custcode_init', 'bm_meter_details');
    IF old_tables IS NULL THEN
        RETURN;
    END IF;

    FOR item IN SELECT unnest(old_tables) AS old_table LOOP
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', item.old_table);
    END LOOP;
    -- Now and then the same unique constraint stands there twice; the keys of section 3 take the place of all.
    FOR item IN
        SELECT k.conrelid::regclass AS old_table, k.conname
        FROM pg_constraint AS k
        WHERE k.conrelid = ANY (old_tables) AND k.contype IN ('p', 'u')
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', item.old_table, item.conname);
    END LOOP;
    FOR item IN
        SELECT x.indexrelid::regclass AS old_index
        FROM pg_index AS x
        WHERE x.indrelid = ANY (old_tables) AND x.indisunique
    LOOP
        EXECUTE format('DROP INDEX %s', item.old_index);
    END LOOP;
    FOR item IN
        SELECT a.attrelid::regclass AS old_table, a.attname
        FROM pg_attribute AS a
        WHERE a.attrelid = ANY (old_tables) AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
          AND a.attidentity = ''
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', item.old_table, item.attname);
    END LOOP;
    FOR item IN
        SELECT t.old_table, w.column_name, w.type_name, format_type(a.atttypid, a.atttypmod) AS old_type,
               a.atthasdef
        FROM (VALUES
            ('bm_branches', 'code', 'text'), ('bm_branches', 'name', 'text'),
            ('bm_branches', 'created_at', 'timestamp with time zone'),
            ('bm_branches', 'updated_at', 'timestamp with time zone'),
            ('bm_custcode_init', 'id', 'bigint'), ('bm_custcode_init', 'fiscal_year', 'integer'),
            ('bm_custcode_init', 'branch_code', 'text'), ('bm_custcode_init', 'cust_code', 'text'),
            ('bm_custcode_init', 'use_type', 'text'), ('bm_custcode_init', 'meter_no', 'text'),
            ('bm_custcode_init', 'meter_state', 'text'), ('bm_custcode_init', 'debt_ym', 'text'),
            ('bm_custcode_init', 'created_at', 'timestamp with time zone'),
            ('bm_custcode_init', 'org_name', 'text'), ('bm_custcode_init', 'use_name', 'text'),
            ('bm_custcode_init', 'cust_name', 'text'), ('bm_custcode_init', 'address', 'text'),
            ('bm_custcode_init', 'route_code', 'text'), ('bm_custcode_init', 'meter_size', 'text'),
            ('bm_custcode_init', 'meter_brand', 'text'), ('bm_custcode_init', 'present_water_usg', 'numeric'),
            ('bm_custcode_init', 'usage_rank', 'integer'),
            ('bm_custcode_init', 'updated_at', 'timestamp with time zone'),
            ('bm_meter_details', 'id', 'bigint'), ('bm_meter_details', 'fiscal_year', 'integer'),
            ('bm_meter_details', 'year_month', 'text'), ('bm_meter_details', 'branch_code', 'text'),
            ('bm_meter_details', 'org_name', 'text'), ('bm_meter_details', 'cust_code', 'text'),
            ('bm_meter_details', 'use_type', 'text'), ('bm_meter_details', 'use_name', 'text'),
            ('bm_meter_details', 'cust_name', 'text'), ('bm_meter_details', 'address', 'text'),
            ('bm_meter_details', 'route_code', 'text'), ('bm_meter_details', 'meter_no', 'text'),
            ('bm_meter_details', 'meter_size', 'text'), ('bm_meter_details', 'meter_brand', 'text'),
            ('bm_meter_details', 'meter_state', 'text'), ('bm_meter_details', 'average', 'numeric'),
            ('bm_meter_details', 'present_meter_count', 'numeric'),
            ('bm_meter_details', 'present_water_usg', 'numeric'), ('bm_meter_details', 'debt_ym', 'text'),
            ('bm_meter_details', 'created_at', 'timestamp with time zone'),
            ('bm_meter_details', 'updated_at', 'timestamp with time zone')
        ) AS w (table_name, column_name, type_name)
        JOIN pg_class AS c ON c.relname = w.table_name AND c.oid = ANY (old_tables)
        CROSS JOIN LATERAL (SELECT c.oid::regclass AS old_table) AS t
        LEFT JOIN pg_attribute AS a
            ON a.attrelid = c.oid AND a.attname = w.column_name AND NOT a.attisdropped
    LOOP
        IF item.old_type IS NULL THEN
            EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', item.old_table, item.column_name, item.type_name);
            CONTINUE;
        END IF;
        IF item.atthasdef THEN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', item.old_table, item.column_name);
        END IF;
        IF item.old_type <> item.type_name THEN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s USING %I::%s', item.old_table,
                           item.column_name, item.type_name, item.column_name, item.type_name);
        END IF;
    END LOOP;

    IF to_regclass('bm_branches') = ANY (old_tables) THEN
        WITH gone AS (
            DELETE FROM bm_branches WHERE coalesce(rtrim(code), '') = '' RETURNING *
        )
        INSERT INTO bm_adopted_aside (table_name, reason, row_as_it_was)
        SELECT 'bm_branches', 'bad_key', to_jsonb(gone) FROM gone;

        WITH gone AS (
            DELETE FROM bm_branches AS b
            USING (
                SELECT ctid AS place, row_number() OVER (
                    PARTITION BY rtrim(code) ORDER BY created_at DESC NULLS LAST, ctid DESC) AS turn
                FROM bm_branches
            ) AS ranked
            WHERE b.ctid = ranked.place AND ranked.turn > 1
            RETURNING b.*
        )
        INSERT INTO bm_adopted_aside (table_name, reason, row_as_it_was)
        SELECT 'bm_branches', 'same_key', to_jsonb(gone) FROM gone;

        UPDATE bm_branches
        SET code = rtrim(code), name = nullif(name, ''), created_at = coalesce(created_at, now()),
            updated_at = coalesce(updated_at, created_at, now());
    END IF;

    IF to_regclass('bm_custcode_init') = ANY (old_tables) THEN
        WITH gone AS (
            DELETE FROM bm_custcode_init
            WHERE coalesce(rtrim(branch_code), '') = '' OR coalesce(rtrim(cust_code), '') = ''
               OR fiscal_year IS NULL OR fiscal_year NOT BETWEEN 1900 AND 2200
               OR rtrim(debt_ym) !~ '^([0-9]{4}(0[1-9]|1[0-2]))?$'
            RETURNING *
        )
        INSERT INTO bm_adopted_aside (table_name, reason, row_as_it_was)
        SELECT
            'bm_custcode_init',
            CASE
                WHEN coalesce(rtrim(branch_code), '') = '' OR coalesce(rtrim(cust_code), '') = '' THEN 'bad_key'
                WHEN fiscal_year IS NULL OR fiscal_year NOT BETWEEN 1900 AND 2200 THEN 'bad_fiscal_year'
                ELSE 'bad_month'
            END,
            to_jsonb(gone)
        FROM gone;

        WITH gone AS (
            DELETE FROM bm_custcode_init AS c
            USING (
                SELECT ctid AS place, row_number() OVER (
                    PARTITION BY fiscal_year, rtrim(branch_code), rtrim(cust_code)
                    ORDER BY created_at DESC NULLS LAST, id DESC NULLS LAST, ctid DESC) AS turn
                FROM bm_custcode_init
            ) AS ranked
            WHERE c.ctid = ranked.place AND ranked.turn > 1
            RETURNING c.*
        )
        INSERT INTO bm_adopted_aside (table_name, reason, row_as_it_was)
        SELECT 'bm_custcode_init', 'same_key', to_jsonb(gone) FROM gone;

        -- Oracle has no empty string, so one found here was a NULL; a lost debt_ym follows from the fiscal year.
        UPDATE bm_custcode_init
        SET branch_code = rtrim(branch_code), cust_code = rtrim(cust_code), use_type = nullif(use_type, ''),
            meter_no = nullif(meter_no, ''), meter_state = nullif(meter_state, ''),
            debt_ym = coalesce(nullif(rtrim(debt_ym), ''), (fiscal_year + 542)::text || '10'),
            org_name = nullif(org_name, ''), use_name = nullif(use_name, ''), cust_name = nullif(cust_name, ''),
            address = nullif(address, ''), route_code = nullif(route_code, ''),
            meter_size = nullif(meter_size, ''), meter_brand = nullif(meter_brand, ''),
            created_at = coalesce(created_at, now()), updated_at = coalesce(updated_at, created_at, now());

        ALTER TABLE bm_custcode_init DROP COLUMN id;
    END IF;

    IF to_regclass('bm_meter_details') = ANY (old_tables) THEN
        WITH gone AS (
            DELETE FROM bm_meter_details
            WHERE coalesce(rtrim(branch_code), '') = '' OR coalesce(rtrim(cust_code), '') = ''
               OR coalesce(rtrim(year_month), '') !~ '^(19|2[01])[0-9]{2}(0[1-9]|1[0-2])$'
               OR rtrim(debt_ym) !~ '^([0-9]{4}(0[1-9]|1[0-2]))?$'
               OR 'NaN' IN (average, present_meter_count, present_water_usg)
               OR 'Infinity' IN (abs(average), abs(present_meter_count), abs(present_water_usg))
            RETURNING *
        )
        INSERT INTO bm_adopted_aside (table_name, reason, row_as_it_was)
        SELECT
            'bm_meter_details',
            CASE
                WHEN coalesce(rtrim(branch_code), '') = '' OR coalesce(rtrim(cust_code), '') = '' THEN 'bad_key'
                WHEN 'NaN' IN (average, present_meter_count, present_water_usg)
                  OR 'Infinity' IN (abs(average), abs(present_meter_count), abs(present_water_usg)) THEN 'bad_number'
                ELSE 'bad_month'
            END,
            to_jsonb(gone)
        FROM gone;

        -- Before the keys are compared: an invented row must not win over a bill.
        WITH gone AS (
            DELETE FROM bm_meter_details
            WHERE present_water_usg = 0 AND present_meter_count = 0 AND coalesce(org_name, '') = ''
            RETURNING *
        )
        INSERT INTO bm_adopted_aside (table_name, reason, row_as_it_was)
        SELECT 'bm_meter_details', 'invented_zero', to_jsonb(gone) FROM gone;

        WITH gone AS (
            DELETE FROM bm_meter_details AS d
            USING (
                SELECT ctid AS place, row_number() OVER (
                    PARTITION BY rtrim(year_month), rtrim(branch_code), rtrim(cust_code)
                    ORDER BY (fiscal_year = bm_fiscal_year(rtrim(year_month))) DESC NULLS LAST,
                             created_at DESC NULLS LAST, id DESC NULLS LAST, ctid DESC) AS turn
                FROM bm_meter_details
            ) AS ranked
            WHERE d.ctid = ranked.place AND ranked.turn > 1
            RETURNING d.*
        )
        INSERT INTO bm_adopted_aside (table_name, reason, row_as_it_was)
        SELECT 'bm_meter_details', 'same_key', to_jsonb(gone) FROM gone;

        UPDATE bm_meter_details
        SET year_month = rtrim(year_month), branch_code = rtrim(branch_code), org_name = nullif(org_name, ''),
            cust_code = rtrim(cust_code), use_type = nullif(use_type, ''), use_name = nullif(use_name, ''),
            cust_name = nullif(cust_name, ''), address = nullif(address, ''), route_code = nullif(route_code, ''),
            meter_no = nullif(meter_no, ''), meter_size = nullif(meter_size, ''),
            meter_brand = nullif(meter_brand, ''), meter_state = nullif(meter_state, ''),
            debt_ym = coalesce(nullif(rtrim(debt_ym), ''),
                               (left(year_month, 4)::integer + 543)::text || substr(year_month, 5, 2)),
            created_at = coalesce(created_at, now()), updated_at = coalesce(updated_at, created_at, now());

        INSERT INTO pg_temp.bm_adopted_months
        SELECT
            CASE WHEN fiscal_year BETWEEN 1900 AND 2200 THEN fiscal_year ELSE bm_fiscal_year(year_month) END,
            year_month, branch_code, min(debt_ym), count(*), min(created_at), max(created_at)
        FROM bm_meter_details
        GROUP BY 1, 2, 3;

        ALTER TABLE bm_meter_details DROP COLUMN id, DROP COLUMN fiscal_year;
    END IF;
END
$adopt$;

-- 3. The tables their users know ----------------------------------------------------------------------------------
-- IF NOT EXISTS for the adopted ones alone: section 2 has given those these columns, and the keys and checks below
-- are added to both.

CREATE TABLE IF NOT EXISTS bm_branches (
    code       text,
    name       text,
    created_at timestamptz,
    updated_at timestamptz
);

ALTER TABLE bm_branches
    ADD CONSTRAINT bm_branches_pkey PRIMARY KEY (code),
    ADD CONSTRAINT bm_branches_code_check CHECK (code <> '' AND code = rtrim(code)),
    ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET DEFAULT now(), ALTER COLUMN updated_at SET NOT NULL;

COMMENT ON TABLE bm_branches IS 'The branches that have been loaded: one row per branch.';
COMMENT ON COLUMN bm_branches.code IS 'Branch, the 4-digit BA code as text (Oracle: ORG_OWNER_ID).';
COMMENT ON COLUMN bm_branches.name IS 'Name of the branch, Thai; NULL if none is known.';
COMMENT ON COLUMN bm_branches.created_at IS 'When the row was first written.';
COMMENT ON COLUMN bm_branches.updated_at IS 'When the name last changed.';

CREATE TABLE IF NOT EXISTS bm_custcode_init (
    fiscal_year       integer,
    branch_code       text,
    cust_code         text,
    use_type          text,
    meter_no          text,
    meter_state       text,
    debt_ym           text,
    created_at        timestamptz,
    org_name          text,
    use_name          text,
    cust_name         text,
    address           text,
    route_code        text,
    meter_size        text,
    meter_brand       text,
    present_water_usg numeric,
    usage_rank        integer,
    updated_at        timestamptz
);

ALTER TABLE bm_custcode_init
    ADD CONSTRAINT bm_custcode_init_pkey PRIMARY KEY (fiscal_year, branch_code, cust_code),
    ADD CONSTRAINT bm_custcode_init_fiscal_year_check CHECK (fiscal_year BETWEEN 1900 AND 2200),
    ADD CONSTRAINT bm_custcode_init_branch_code_check CHECK (branch_code <> '' AND branch_code = rtrim(branch_code)),
    ADD CONSTRAINT bm_custcode_init_cust_code_check CHECK (cust_code <> '' AND cust_code = rtrim(cust_code)),
    ADD CONSTRAINT bm_custcode_init_debt_ym_check CHECK (debt_ym ~ '^[0-9]{4}(0[1-9]|1[0-2])$'),
    ADD CONSTRAINT bm_custcode_init_usage_rank_check CHECK (usage_rank > 0),
    ALTER COLUMN debt_ym SET NOT NULL,
    ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET DEFAULT now(), ALTER COLUMN updated_at SET NOT NULL;

CREATE INDEX bm_custcode_init_cust_code_idx ON bm_custcode_init (cust_code, fiscal_year);

COMMENT ON TABLE bm_custcode_init IS
    'The cohorts: the largest water users of a branch, fixed for a fiscal year. One row per (fiscal_year, branch_code, cust_code).';
COMMENT ON COLUMN bm_custcode_init.fiscal_year IS
    'Fiscal year, October to September, Gregorian, labelled by the year it ends in.';
COMMENT ON COLUMN bm_custcode_init.branch_code IS 'Branch, the 4-digit BA code as text.';
COMMENT ON COLUMN bm_custcode_init.cust_code IS 'Customer number, text of 11 digits.';
COMMENT ON COLUMN bm_custcode_init.use_type IS 'Use type, 2 digits as text.';
COMMENT ON COLUMN bm_custcode_init.meter_no IS 'Meter number, text: leading zeros and letters matter.';
COMMENT ON COLUMN bm_custcode_init.meter_state IS 'State of the meter, Thai.';
COMMENT ON COLUMN bm_custcode_init.debt_ym IS
    'Month whose bills chose the cohort, as Oracle has it (Buddhist-era YYYYMM by default).';
COMMENT ON COLUMN bm_custcode_init.created_at IS 'When the customer entered this cohort.';
COMMENT ON COLUMN bm_custcode_init.org_name IS 'Service unit, Thai.';
COMMENT ON COLUMN bm_custcode_init.use_name IS 'Use type in words, Thai.';
COMMENT ON COLUMN bm_custcode_init.cust_name IS 'Name of the customer: personal data.';
COMMENT ON COLUMN bm_custcode_init.address IS 'Address of the customer: personal data; often NULL.';
COMMENT ON COLUMN bm_custcode_init.route_code IS 'Reading route, text.';
COMMENT ON COLUMN bm_custcode_init.meter_size IS 'Size of the meter, inches as a fraction in text, such as 3/4.';
COMMENT ON COLUMN bm_custcode_init.meter_brand IS 'Brand of the meter.';
COMMENT ON COLUMN bm_custcode_init.present_water_usg IS
    'Usage in the debt month that chose the customer, cubic metres; NULL in an adopted cohort.';
COMMENT ON COLUMN bm_custcode_init.usage_rank IS
    'Place by that usage within the branch, 1 is the largest; NULL in an adopted cohort.';
COMMENT ON COLUMN bm_custcode_init.updated_at IS 'When a column of the row last changed.';

CREATE TABLE IF NOT EXISTS bm_meter_details (
    year_month          text,
    branch_code         text,
    org_name            text,
    cust_code           text,
    use_type            text,
    use_name            text,
    cust_name           text,
    address             text,
    route_code          text,
    meter_no            text,
    meter_size          text,
    meter_brand         text,
    meter_state         text,
    average             numeric,
    present_meter_count numeric,
    present_water_usg   numeric,
    debt_ym             text,
    created_at          timestamptz,
    updated_at          timestamptz
);

ALTER TABLE bm_meter_details
    ADD CONSTRAINT bm_meter_details_pkey PRIMARY KEY (year_month, branch_code, cust_code),
    ADD CONSTRAINT bm_meter_details_year_month_check CHECK (year_month ~ '^(19|2[01])[0-9]{2}(0[1-9]|1[0-2])$'),
    ADD CONSTRAINT bm_meter_details_branch_code_check CHECK (branch_code <> '' AND branch_code = rtrim(branch_code)),
    ADD CONSTRAINT bm_meter_details_cust_code_check CHECK (cust_code <> '' AND cust_code = rtrim(cust_code)),
    ADD CONSTRAINT bm_meter_details_debt_ym_check CHECK (debt_ym ~ '^[0-9]{4}(0[1-9]|1[0-2])$'),
    ALTER COLUMN debt_ym SET NOT NULL,
    ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET DEFAULT now(), ALTER COLUMN updated_at SET NOT NULL;

CREATE INDEX bm_meter_details_cust_code_idx ON bm_meter_details (cust_code, year_month);

COMMENT ON TABLE bm_meter_details IS
    'The readings: one live bill of one customer and month, by (year_month, branch_code, cust_code). No row is no bill.';
COMMENT ON COLUMN bm_meter_details.year_month IS 'Month, Gregorian YYYYMM.';
COMMENT ON COLUMN bm_meter_details.branch_code IS 'Branch whose cohort holds the customer, the 4-digit BA code as text.';
COMMENT ON COLUMN bm_meter_details.org_name IS 'Service unit, Thai.';
COMMENT ON COLUMN bm_meter_details.cust_code IS 'Customer number, text of 11 digits.';
COMMENT ON COLUMN bm_meter_details.use_type IS 'Use type, 2 digits as text.';
COMMENT ON COLUMN bm_meter_details.use_name IS 'Use type in words, Thai.';
COMMENT ON COLUMN bm_meter_details.cust_name IS 'Name of the customer: personal data.';
COMMENT ON COLUMN bm_meter_details.address IS 'Address of the customer: personal data; often NULL.';
COMMENT ON COLUMN bm_meter_details.route_code IS 'Reading route, text.';
COMMENT ON COLUMN bm_meter_details.meter_no IS 'Meter number, text: leading zeros and letters matter.';
COMMENT ON COLUMN bm_meter_details.meter_size IS 'Size of the meter, inches as a fraction in text, such as 3/4.';
COMMENT ON COLUMN bm_meter_details.meter_brand IS 'Brand of the meter.';
COMMENT ON COLUMN bm_meter_details.meter_state IS 'State of the meter, Thai.';
COMMENT ON COLUMN bm_meter_details.average IS 'The billing system''s running average, cubic metres a month.';
COMMENT ON COLUMN bm_meter_details.present_meter_count IS
    'Register of the meter at the reading, cubic metres; it can roll over.';
COMMENT ON COLUMN bm_meter_details.present_water_usg IS
    'Usage billed in the month, cubic metres; 0 is a true zero, negative a correction, NULL as Oracle has it.';
COMMENT ON COLUMN bm_meter_details.debt_ym IS 'Month as Oracle has it (DEBT_YM, Buddhist-era YYYYMM by default).';
COMMENT ON COLUMN bm_meter_details.created_at IS 'When the row was first written.';
COMMENT ON COLUMN bm_meter_details.updated_at IS 'When a column of the row last changed; a load that changes nothing leaves it.';

-- 4. Views --------------------------------------------------------------------------------------------------------

CREATE VIEW bm_loaded_months AS
SELECT DISTINCT ON (r.branch_code, r.year_month, r.fiscal_year)
    r.fiscal_year,
    r.year_month,
    r.branch_code,
    r.fiscal_year = bm_fiscal_year(r.year_month) AS is_own_year,
    r.id AS ledger_id,
    r.kind,
    r.cohort_size,
    r.reported,
    r.zero,
    r.missing,
    r.duplicates,
    r.usage_m3,
    r.finished_at AS loaded_at,
    r.dag_id,
    r.run_id,
    r.recorded_at
FROM bm_sync_runs AS r
WHERE r.status = 'success' AND r.year_month IS NOT NULL
ORDER BY r.branch_code, r.year_month, r.fiscal_year, r.id DESC;

COMMENT ON VIEW bm_loaded_months IS
    'What is loaded: the latest successful load of each (fiscal_year, year_month, branch_code), by the ledger.';
COMMENT ON COLUMN bm_loaded_months.fiscal_year IS 'Fiscal year of the cohort that the month was loaded for, Gregorian.';
COMMENT ON COLUMN bm_loaded_months.year_month IS 'Month, Gregorian YYYYMM.';
COMMENT ON COLUMN bm_loaded_months.branch_code IS 'Branch, the 4-digit BA code as text.';
COMMENT ON COLUMN bm_loaded_months.is_own_year IS
    'True if the cohort is that of the month''s own fiscal year; false for history loaded for a new cohort.';
COMMENT ON COLUMN bm_loaded_months.ledger_id IS 'The row of bm_sync_runs.';
COMMENT ON COLUMN bm_loaded_months.kind IS 'monthly or adopted.';
COMMENT ON COLUMN bm_loaded_months.cohort_size IS 'Customers in the cohort at the load. Count.';
COMMENT ON COLUMN bm_loaded_months.reported IS 'Members with a live bill whose usage is neither null nor 0. Count.';
COMMENT ON COLUMN bm_loaded_months.zero IS 'Members with a live bill of usage 0. Count.';
COMMENT ON COLUMN bm_loaded_months.missing IS 'Members without a live bill or without a usage. Count.';
COMMENT ON COLUMN bm_loaded_months.duplicates IS 'Further live rows that were not stored. Count.';
COMMENT ON COLUMN bm_loaded_months.usage_m3 IS 'Sum of the usage, cubic metres.';
COMMENT ON COLUMN bm_loaded_months.loaded_at IS 'When the load ended.';
COMMENT ON COLUMN bm_loaded_months.dag_id IS 'Airflow DAG of the run; NULL outside Airflow.';
COMMENT ON COLUMN bm_loaded_months.run_id IS 'Run that loaded it.';
COMMENT ON COLUMN bm_loaded_months.recorded_at IS 'When the ledger row was written.';

CREATE VIEW bm_meter_status AS
SELECT
    l.fiscal_year,
    l.year_month,
    l.branch_code,
    c.cust_code,
    CASE
        WHEN d.present_water_usg IS NULL THEN 'missing'
        WHEN d.present_water_usg = 0 THEN 'zero'
        ELSE 'reported'
    END AS status,
    d.cust_code IS NOT NULL AS has_bill,
    l.is_own_year,
    c.usage_rank,
    CASE WHEN d.cust_code IS NULL THEN c.org_name ELSE d.org_name END AS org_name,
    CASE WHEN d.cust_code IS NULL THEN c.use_type ELSE d.use_type END AS use_type,
    CASE WHEN d.cust_code IS NULL THEN c.use_name ELSE d.use_name END AS use_name,
    CASE WHEN d.cust_code IS NULL THEN c.cust_name ELSE d.cust_name END AS cust_name,
    CASE WHEN d.cust_code IS NULL THEN c.address ELSE d.address END AS address,
    CASE WHEN d.cust_code IS NULL THEN c.route_code ELSE d.route_code END AS route_code,
    CASE WHEN d.cust_code IS NULL THEN c.meter_no ELSE d.meter_no END AS meter_no,
    CASE WHEN d.cust_code IS NULL THEN c.meter_size ELSE d.meter_size END AS meter_size,
    CASE WHEN d.cust_code IS NULL THEN c.meter_brand ELSE d.meter_brand END AS meter_brand,
    CASE WHEN d.cust_code IS NULL THEN c.meter_state ELSE d.meter_state END AS meter_state,
    d.average,
    d.present_meter_count,
    d.present_water_usg,
    d.debt_ym,
    l.loaded_at,
    d.updated_at
FROM bm_loaded_months AS l
-- A customer that a recapture took in after the month was loaded has not been asked for yet: neither is it missing.
JOIN bm_custcode_init AS c
    ON c.fiscal_year = l.fiscal_year AND c.branch_code = l.branch_code AND c.created_at <= l.recorded_at
LEFT JOIN bm_meter_details AS d
    ON d.year_month = l.year_month AND d.branch_code = l.branch_code AND d.cust_code = c.cust_code;

COMMENT ON VIEW bm_meter_status IS
    'Each cohort member of each loaded month: reported, zero or missing. One row per (fiscal_year, year_month, branch_code, cust_code); take is_own_year unless you compare with another cohort.';
COMMENT ON COLUMN bm_meter_status.fiscal_year IS 'Fiscal year of the cohort, Gregorian.';
COMMENT ON COLUMN bm_meter_status.year_month IS 'Month, Gregorian YYYYMM.';
COMMENT ON COLUMN bm_meter_status.branch_code IS 'Branch, the 4-digit BA code as text.';
COMMENT ON COLUMN bm_meter_status.cust_code IS 'Customer number, text of 11 digits.';
COMMENT ON COLUMN bm_meter_status.status IS
    'reported: a live bill with a usage other than 0; zero: a live bill of usage 0; missing: no live bill, or one without a usage.';
COMMENT ON COLUMN bm_meter_status.has_bill IS 'True if there is a live bill, be its usage null.';
COMMENT ON COLUMN bm_meter_status.is_own_year IS 'True if the cohort is that of the month''s own fiscal year.';
COMMENT ON COLUMN bm_meter_status.usage_rank IS 'Place in the cohort by usage, 1 is the largest; NULL in an adopted cohort.';
COMMENT ON COLUMN bm_meter_status.org_name IS 'Service unit, Thai; without a bill as the cohort has it, like all descriptive columns.';
COMMENT ON COLUMN bm_meter_status.use_type IS 'Use type, 2 digits as text.';
COMMENT ON COLUMN bm_meter_status.use_name IS 'Use type in words, Thai.';
COMMENT ON COLUMN bm_meter_status.cust_name IS 'Name of the customer: personal data.';
COMMENT ON COLUMN bm_meter_status.address IS 'Address of the customer: personal data.';
COMMENT ON COLUMN bm_meter_status.route_code IS 'Reading route, text.';
COMMENT ON COLUMN bm_meter_status.meter_no IS 'Meter number, text.';
COMMENT ON COLUMN bm_meter_status.meter_size IS 'Size of the meter, inches as a fraction in text.';
COMMENT ON COLUMN bm_meter_status.meter_brand IS 'Brand of the meter.';
COMMENT ON COLUMN bm_meter_status.meter_state IS 'State of the meter, Thai.';
COMMENT ON COLUMN bm_meter_status.average IS 'Running average, cubic metres a month; NULL without a bill.';
COMMENT ON COLUMN bm_meter_status.present_meter_count IS 'Register at the reading, cubic metres; NULL without a bill.';
COMMENT ON COLUMN bm_meter_status.present_water_usg IS 'Usage billed in the month, cubic metres; NULL without a bill.';
COMMENT ON COLUMN bm_meter_status.debt_ym IS 'Month as Oracle has it; NULL without a bill.';
COMMENT ON COLUMN bm_meter_status.loaded_at IS 'When the month was last loaded for this cohort.';
COMMENT ON COLUMN bm_meter_status.updated_at IS 'When the reading last changed; NULL without a bill.';

CREATE VIEW bm_freshness AS
WITH known_branches AS (
    SELECT code AS branch_code FROM bm_branches
    UNION
    SELECT branch_code FROM bm_sync_runs
),
months AS (
    SELECT DISTINCT ON (l.branch_code)
        l.*,
        min(l.year_month) OVER (PARTITION BY l.branch_code) AS first_year_month,
        count(*) OVER (PARTITION BY l.branch_code) AS months_loaded
    FROM bm_loaded_months AS l
    WHERE l.is_own_year
    ORDER BY l.branch_code, l.year_month DESC
)
SELECT
    k.branch_code,
    b.name AS branch_name,
    m.year_month AS last_year_month,
    m.fiscal_year,
    m.loaded_at,
    m.cohort_size,
    m.reported,
    m.zero,
    m.missing,
    round((m.cohort_size - m.missing)::numeric / nullif(m.cohort_size, 0), 4) AS complete_share,
    m.usage_m3,
    m.kind,
    m.dag_id,
    m.run_id,
    m.first_year_month,
    coalesce(m.months_loaded, 0) AS months_loaded,
    a.finished_at AS last_attempt_at,
    a.status AS last_attempt_status,
    a.error_category AS last_error_category,
    a.error_message AS last_error_message
FROM known_branches AS k
LEFT JOIN bm_branches AS b ON b.code = k.branch_code
LEFT JOIN months AS m ON m.branch_code = k.branch_code
LEFT JOIN LATERAL (
    SELECT r.finished_at, r.status, r.error_category, r.error_message
    FROM bm_sync_runs AS r
    WHERE r.branch_code = k.branch_code
    ORDER BY r.id DESC
    LIMIT 1
) AS a ON true;

COMMENT ON VIEW bm_freshness IS
    'How fresh each branch is: the last month loaded for its own fiscal year, when, how complete, from which run. One row per branch.';
COMMENT ON COLUMN bm_freshness.branch_code IS 'Branch, the 4-digit BA code as text.';
COMMENT ON COLUMN bm_freshness.branch_name IS 'Name of the branch, Thai; NULL if none is known.';
COMMENT ON COLUMN bm_freshness.last_year_month IS 'Last month loaded, Gregorian YYYYMM; NULL if none.';
COMMENT ON COLUMN bm_freshness.fiscal_year IS 'Fiscal year of that month, Gregorian.';
COMMENT ON COLUMN bm_freshness.loaded_at IS 'When that month was last loaded.';
COMMENT ON COLUMN bm_freshness.cohort_size IS 'Customers in the cohort. Count.';
COMMENT ON COLUMN bm_freshness.reported IS 'Members with a live bill whose usage is neither null nor 0. Count.';
COMMENT ON COLUMN bm_freshness.zero IS 'Members with a live bill of usage 0. Count.';
COMMENT ON COLUMN bm_freshness.missing IS 'Members without a live bill or without a usage. Count.';
COMMENT ON COLUMN bm_freshness.complete_share IS
    'Share of the cohort that is not missing, 0 to 1; NULL without a cohort.';
COMMENT ON COLUMN bm_freshness.usage_m3 IS 'Sum of the usage of that month, cubic metres.';
COMMENT ON COLUMN bm_freshness.kind IS 'monthly or adopted.';
COMMENT ON COLUMN bm_freshness.dag_id IS 'Airflow DAG that loaded it; NULL outside Airflow.';
COMMENT ON COLUMN bm_freshness.run_id IS 'Run that loaded it.';
COMMENT ON COLUMN bm_freshness.first_year_month IS 'First month loaded, Gregorian YYYYMM.';
COMMENT ON COLUMN bm_freshness.months_loaded IS 'Months loaded for their own fiscal year. Count.';
COMMENT ON COLUMN bm_freshness.last_attempt_at IS 'When the last attempt of any kind ended.';
COMMENT ON COLUMN bm_freshness.last_attempt_status IS 'success or error.';
COMMENT ON COLUMN bm_freshness.last_error_category IS 'Why the last attempt failed; NULL if it did not.';
COMMENT ON COLUMN bm_freshness.last_error_message IS 'What the last attempt said; NULL if it did not fail.';

-- 5. The adopted months in the ledger -----------------------------------------------------------------------------

INSERT INTO bm_sync_runs (
    kind, status, branch_code, fiscal_year, year_month, debt_ym, cohort_size, reported, zero, missing, inserted,
    updated, unchanged, removed, usage_m3, started_at, finished_at, run_id, triggered_by)
SELECT
    'adopted', 'success', m.branch_code, m.fiscal_year, m.year_month, m.debt_ym, t.cohort_size, t.reported, t.zero,
    t.missing, m.row_count, 0, 0, 0, t.usage_m3, m.oldest, m.newest, 'adopted', 'migrate'
FROM pg_temp.bm_adopted_months AS m
CROSS JOIN LATERAL (
    SELECT
        count(*) AS cohort_size,
        count(*) FILTER (WHERE d.present_water_usg <> 0) AS reported,
        count(*) FILTER (WHERE d.present_water_usg = 0) AS zero,
        count(*) FILTER (WHERE d.present_water_usg IS NULL) AS missing,
        sum(d.present_water_usg) AS usage_m3
    FROM bm_custcode_init AS c
    LEFT JOIN bm_meter_details AS d
        ON d.year_month = m.year_month AND d.branch_code = m.branch_code AND d.cust_code = c.cust_code
    WHERE c.fiscal_year = m.fiscal_year AND c.branch_code = m.branch_code
) AS t
ORDER BY m.year_month, m.branch_code, m.fiscal_year;

-- Purpose: store the branches that are new or have another name; a branch that comes without a name keeps its own.
-- Grain: returns one row: inserted, updated.
-- Binds:
--   codes: text array, 4-digit BA codes
--   names: text array, in the order of codes; NULL or empty where no name is known
-- Caller: include.bigmeter.store.branches.write_branches
WITH changed AS (
    SELECT given.code, coalesce(nullif(given.name, ''), before.name) AS name, before.code IS NULL AS is_new
    FROM unnest(%(codes)s::text[], %(names)s::text[]) AS given (code, name)
    LEFT JOIN bm_branches AS before ON before.code = given.code
    WHERE before.code IS NULL OR before.name IS DISTINCT FROM coalesce(nullif(given.name, ''), before.name)
),
written AS (
    INSERT INTO bm_branches AS stored (code, name)
    SELECT code, name FROM changed
    ON CONFLICT (code) DO UPDATE SET name = excluded.name, updated_at = now()
        WHERE stored.name IS DISTINCT FROM excluded.name
    RETURNING code
)
SELECT
    count(*) FILTER (WHERE changed.is_new) AS inserted,
    count(*) FILTER (WHERE NOT changed.is_new) AS updated
FROM written
JOIN changed USING (code)

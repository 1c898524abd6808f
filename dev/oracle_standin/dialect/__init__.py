"""Oracle's SQL read by sqlglot, checked against an allow-list, and said again in DuckDB's SQL.

In the order in which a statement passes through; SQL.md beside this package lists what is answered, with examples.

====================  =========================================================================================
``session_control``   COMMIT, SET TRANSACTION, ALTER SESSION: what needs no translation
``translate``         the way in: one statement to DuckDB text, parameters and described columns
``parse``             sqlglot's Oracle grammar, held to what Oracle takes, with positions
``lexemes``           literals, quoted names and comments: hints left out, the headings of columns
``tree``              what a parsed node says: its name, place and sizes, and nothing that is not understood
``context``           what is known of a statement while it is translated
``names``             scopes: which table or column a name means, ORA-00904, ORA-00918, ORA-00942
``queries``           a SELECT block, set operations, WITH, GROUP BY, ORDER BY, DISTINCT
``from_clause``       tables, subqueries and joins, the old (+) as well
``row_limits``        ROWNUM, FETCH, OFFSET
``conditions``        what may stand in WHERE, ON, HAVING and CASE
``expressions``       what has a value
``conversions``       Oracle's implicit conversions, and how two terms compare
``functions``         single-row functions; ``aggregates`` the others; ``function_names`` what is known but not built
``changes``           INSERT, UPDATE, DELETE, CREATE, DROP and TRUNCATE TABLE
``terms``             a translated expression with its type, and the three forms in which a NUMBER is held
``binds``             how a client's value becomes a DuckDB parameter
``types``             how a column is stored
``numbers``           NUMBER: exact arithmetic, ordered bytes, formats; ``dates`` format models and months
``duckdb_functions``  the Python functions that the translated text calls
``errors``            Oracle's own words
====================  =========================================================================================
"""

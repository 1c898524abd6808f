"""Oracle's SQL read by sqlglot, checked against an allow-list, and said again in DuckDB's SQL."""

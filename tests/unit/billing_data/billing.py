"""A generated billing database, asked in SQL by the tests."""

from __future__ import annotations

from typing import Any

import duckdb


class Billing:
    """A generated database, asked in SQL."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        return self.connection.execute(sql).fetchall()

    def one(self, sql: str) -> Any:
        """Return the single value of a query."""
        ((value,),) = self.rows(sql)
        return value

    def distinct(self, sql: str) -> set[tuple[Any, ...]]:
        """Return the rows of a query as a set."""
        return set(self.rows(sql))

    def event_months(self, *kinds: str) -> set[tuple[str, str, str]]:
        """Return each (branch, customer, Gregorian month) of the events of some kinds."""
        names = ", ".join(f"'{kind}'" for kind in kinds)
        return self.distinct(f"""
            SELECT e.branch_code, e.cust_code, m.ym
            FROM truth.event e JOIN months m ON m.ym BETWEEN e.from_ym AND e.to_ym
            WHERE e.kind IN ({names})""")

    def event_customers(self, *kinds: str) -> set[tuple[str, str]]:
        """Return each (branch, customer) of the events of some kinds."""
        return {(branch, code) for branch, code, _ in self.event_months(*kinds)}

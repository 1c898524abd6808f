"""The default billing database, made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.billing_data.database import billing_database
from dev.billing_data.options import GeneratorOptions
from tests.unit.billing_data.billing import Billing

# The Oracle tables with a Gregorian month and a branch as text, as the truth has them.
_GREGORIAN = "CAST(CAST(DEBT_YM AS INTEGER) - 54300 AS VARCHAR) AS ym"
_VIEWS = f"""
CREATE TEMP TABLE months AS SELECT DISTINCT year_month AS ym FROM truth.expected_meter;
CREATE TEMP VIEW bill AS
    SELECT *, {_GREGORIAN}, CAST(CAST(ORG_OWNER_ID AS BIGINT) AS VARCHAR) AS branch FROM "PWACIS"."TB_TR_DEBT_TRN";
CREATE TEMP TABLE customer AS SELECT DISTINCT CUST_ID, branch, CUST_CODE FROM bill;
CREATE TEMP VIEW reading AS
    SELECT t.*, {_GREGORIAN}, c.branch, c.CUST_CODE
    FROM "PWACIS"."TB_TR_DEBT_TEMP" t JOIN customer c USING (CUST_ID);
CREATE TEMP VIEW meter AS
    SELECT m.*, c.branch, c.CUST_CODE FROM "PWACIS"."TB_TR_CUST_METER" m JOIN customer c USING (CUST_ID);
"""


@pytest.fixture(scope="session")
def default_billing() -> Iterator[Billing]:
    """Yield the database that the default options describe, with views for the tests."""
    with billing_database(GeneratorOptions()) as connection:
        connection.execute(_VIEWS)
        yield Billing(connection)

"""Monthly templates, rewritten for two customers or refused."""

from __future__ import annotations

import pytest

from include.bigmeter.errors import ConfigError
from include.bigmeter.source.template import parse_monthly_template

COLUMNS = "trn.CUST_CODE, trn.PRESENT_WATER_USG"
FILTER = "trn.CUST_CODE IN (:C0, :C1)"


def rewritten(text: str) -> str:
    """Return a template for two customers, with runs of blanks made one."""
    return " ".join(parse_monthly_template(text, "details.sql").statement(2).split())


def refused(text: str) -> str:
    """Return why a template is refused."""
    with pytest.raises(ConfigError) as caught:
        parse_monthly_template(text, "details.sql")
    message = str(caught.value)
    assert message.startswith("details.sql: ")
    assert "\n" not in message
    return message

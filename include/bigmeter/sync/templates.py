"""Where the users' query templates lie."""

from __future__ import annotations

from pathlib import Path

_SQLS = Path(__file__).parents[3] / "sqls"

YEARLY_TEMPLATE = _SQLS / "200-meter-minimal.sql"
"""The query whose largest customers become a branch's cohort."""

MONTHLY_TEMPLATE = _SQLS / "200-meter-details.sql"
"""The query that reads the cohort's bills of a month."""

"""The check before any branch: one clear failure instead of one for each branch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from include.bigmeter.branches import Branch
from include.bigmeter.settings import LoadSettings
from include.bigmeter.source.reader import check_templates
from include.bigmeter.source.template import load_monthly_template, load_yearly_template
from include.bigmeter.store.branches import write_branches
from include.bigmeter.store.readiness import check_store
from include.bigmeter.sync.attempt import source_of, store_of
from include.bigmeter.sync.connections import Connections

_MOST_OF_A_CALL_S = 60
"""A statement is only described here: that takes no minutes, however long a query may take."""


def check(
    connections: Connections, settings: LoadSettings, branches: Sequence[Branch], *, monthly: Path, yearly: Path
) -> None:
    """Check both connections, the migrations, and that both templates give the columns that are needed.

    If all is well the names of the branches are stored, so that reports know a branch from its first run on; else
    nothing is.

    :param branches: the whole list, not only what a form asks for.
    :param monthly: the monthly template's file.
    :param yearly: the yearly template's file.
    :raises BigmeterError: the first thing that is wrong, naming what to change.
    """
    monthly_template, yearly_template = load_monthly_template(monthly), load_yearly_template(yearly)
    with store_of(connections) as store:
        check_store(store)
        with source_of(connections, "check") as source:
            call_timeout_s = min(settings.oracle_call_timeout_s, _MOST_OF_A_CALL_S)
            check_templates(source, monthly_template, yearly_template, settings.batch_size, call_timeout_s)
        write_branches(store, {branch.code: branch.name for branch in branches})

"""What can go wrong, ordered by what to do about it: stop, retry, or tell a person.

Every message is one line that says branch, month and count where it knows them, and the next step. A message never
holds a customer's name, an address or a driver's own text, which may quote whole rows.
"""

from __future__ import annotations

from typing import ClassVar, Literal

_MOST_QUOTED = 80  # characters: a wrong value may be a whole file in one line

Category = Literal["configuration", "unavailable", "refused", "contract", "incomplete", "unexpected"]


class BigmeterError(Exception):
    """Base of all errors that this software raises on purpose.

    ``category`` is the class of the error in the ledger and in messages; ``is_retryable`` says whether the same
    attempt may succeed a few minutes later.
    """

    category: ClassVar[Category] = "unexpected"
    is_retryable: ClassVar[bool] = False


class TimeIsUp(BaseException):
    """The command line's limit of time is over; no ``Exception``, so that no driver takes it for one of its own."""


class ConfigError(BigmeterError):
    """A setting, a parameter, a template or a connection is wrong: stop, and name what to change."""

    category = "configuration"


class UnavailableError(BigmeterError):
    """Oracle or PostgreSQL cannot answer now: try again later."""

    category = "unavailable"
    is_retryable = True


class SourceUnavailable(UnavailableError):
    """Oracle cannot answer now."""


class StoreUnavailable(UnavailableError):
    """PostgreSQL cannot answer now, or somebody else holds the branch-month."""


class SourceRefused(BigmeterError):
    """Oracle refuses the statement or the account: a retry changes nothing and can lock the account."""

    category = "refused"


class SourceFailed(BigmeterError):
    """Oracle failed in a way that nobody has classified: stop, and show its code."""


class StoreRefused(BigmeterError):
    """PostgreSQL refuses the data, for instance by a constraint."""

    category = "contract"


class DataContractError(BigmeterError):
    """The rows from Oracle are not what the query promises: nothing is written."""

    category = "contract"


class MissingCohortError(BigmeterError):
    """The branch has no cohort for the fiscal year: the yearly DAG has to run first."""

    category = "configuration"


class IncompleteError(BigmeterError):
    """Oracle returned too few customers to be a whole month or cohort: nothing is written."""

    category = "incomplete"


class IncompleteMonthError(IncompleteError):
    """Too few of a cohort's customers have a live bill in the month."""


class IncompleteCohortError(IncompleteError):
    """Too few customers qualify for a cohort, compared with the year before."""


def quoted(text: str) -> str:
    """Return a wrong value as a message quotes it: in quotes, and cut where it is long."""
    return repr(text if len(text) <= _MOST_QUOTED else text[:_MOST_QUOTED] + "…")

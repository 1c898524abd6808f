"""The wording of the ORA errors that tests ask for by number alone."""

from __future__ import annotations

from dev.oracle_standin.backend import OracleError

_MESSAGES = {
    1: "unique constraint violated",
    28: "your session has been killed",
    54: "resource busy and acquire with NOWAIT specified or timeout expired",
    60: "deadlock detected while waiting for resource",
    600: "internal error code, arguments: [standin]",
    604: "error occurred at recursive SQL level 1",
    904: "invalid identifier",
    942: "table or view does not exist",
    1000: "maximum open cursors exceeded",
    1012: "not logged on",
    1013: "user requested cancel of current operation",
    1017: "invalid username/password; logon denied",
    1033: "ORACLE initialization or shutdown in progress",
    1034: "ORACLE not available",
    1089: "immediate shutdown or close in progress - no operations are permitted",
    1400: "cannot insert NULL",
    1555: 'snapshot too old: rollback segment number with name "" too small',
    1652: "unable to extend temp segment by 128 in tablespace TEMP",
    1722: "invalid number",
    2290: "check constraint violated",
    2291: "integrity constraint violated - parent key not found",
    2292: "integrity constraint violated - child record found",
    2391: "exceeded simultaneous SESSIONS_PER_USER limit",
    3113: "end-of-file on communication channel",
    3114: "not connected to ORACLE",
    3135: "connection lost contact",
    4030: "out of process memory when trying to allocate bytes",
    4068: "existing state of packages has been discarded",
    12571: "TNS:packet writer failure",
    28000: "The account is locked.",
    28001: "the password has expired",
    30006: "resource busy; acquire with WAIT timeout expired",
}


def named_error(code: int, message: str = "") -> OracleError:
    """Build the error of a number, with Oracle's wording where it is known and ``message`` where it is given."""
    return OracleError(code, message or _MESSAGES.get(code, "error asked for by a test"))

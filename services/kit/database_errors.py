"""What an error of a database means, told without any value of a row: rows hold patients.

StateUnusable (FrottisError)     the database is damaged, of another making, not prepared, or not to be written
StatementRefused (RuntimeError)  a defect: a statement that the database does not take
"""

from sqlalchemy.exc import DBAPIError, OperationalError

from services.kit.errors import FrottisError

# SQLSTATEs of PostgreSQL that pass, beyond those that psycopg calls operational (connections, locks, resources):
# a standby that is not yet the primary; a transaction that was ended as it took too long.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_PASSING = frozenset({"25006", "25P03", "25P04"})


class StateUnusable(FrottisError):
    """A state database is damaged, of another making, not prepared for this Frottis, or not to be written."""


class StatementRefused(RuntimeError):
    """The database does not take a statement of ours."""


def is_transient(error: DBAPIError) -> bool:
    """It may pass by itself."""
    return isinstance(error, OperationalError) or error.connection_invalidated or _sqlstate(error) in _PASSING


def cause(error: DBAPIError) -> str:
    """What went wrong. PostgreSQL's own text may repeat a row (`Failing row contains …`), so its code is told."""
    state = _sqlstate(error)
    if state is not None:
        return f"{type(error.orig).__name__}, SQLSTATE {state}"
    return " ".join(str(error.orig).split())


def refused(error: DBAPIError) -> StatementRefused:
    """The defect, with the constraint that found it."""
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return StatementRefused(f"{cause(error)}{f', constraint {constraint}' if constraint else ''}: {error.statement}")


def _sqlstate(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    return None if state is None else str(state)

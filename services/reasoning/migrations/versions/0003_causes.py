"""What each report and request follows from, so that this message alone, when it is delivered again, says it again.

Of reports issued before, that is not known. A kill may have kept those in force from the others: they are told again.
"""

from alembic import op
from sqlalchemy import Column, Integer, LargeBinary, String, column, func, inspect, select, table

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "requests",
        Column("slide_id", String, primary_key=True),
        Column("round", Integer, primary_key=True),
        Column("cause", String, nullable=False),
        Column("message", LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_requests_cause", "requests", ["cause"], if_not_exists=True)
    if any(found["name"] == "cause" for found in inspect(op.get_bind()).get_columns("reports")):
        return
    with op.batch_alter_table("reports") as changed:
        changed.add_column(Column("cause", String, nullable=False, server_default=""))
    with op.batch_alter_table("reports") as changed:
        changed.alter_column("cause", existing_type=String, existing_nullable=False, server_default=None)
    op.create_index("ix_reports_cause", "reports", ["cause"])
    _tell_again()


def _tell_again() -> None:
    reports = table("reports", *map(column, ("issue", "slide_id", "order_id", "announced", "message")))
    reinstated = table("reinstated", *map(column, ("order_id", "issue")))
    last = select(func.max(reports.c.issue)).group_by(reports.c.slide_id, reports.c.order_id)
    withdrawn = select(reinstated.c.order_id).where(
        reinstated.c.order_id == reports.c.order_id, reinstated.c.issue >= reports.c.issue
    )
    in_force = reports.c.issue.in_(last) & ~withdrawn.correlate(reports).exists() & (reports.c.message != b"")
    op.execute(reports.update().where(in_force).values(announced=False))

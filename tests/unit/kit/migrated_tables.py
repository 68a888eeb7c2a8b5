"""Tables with migrations, as a service has them, made up for a test."""

from sqlalchemy import Column, String, Table

from services.kit.migrations import tables_of

FIRST = """
    op.create_table("names", Column("key", String, primary_key=True), Column("value", String))
"""
SECOND = """
    op.add_column("names", Column("more", String))
"""


def write_migration(folder, number, body):
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    before = f'"{number - 1:04}"' if number > 1 else None
    (versions / f"{number:04}_made_up.py").write_text(
        "from alembic import op\n"
        "from sqlalchemy import Column, String\n"
        f'revision = "{number:04}"\n'
        f"down_revision = {before}\n"
        f"def upgrade():{body}"
    )


def tables_in(folder, *bodies):
    """Metadata with the table `names`, and its migrations in `folder`."""
    for number, body in enumerate(bodies, start=1):
        write_migration(folder, number, body)
    metadata = tables_of(str(folder / "tables.py"))
    table = Table("names", metadata, Column("key", String, primary_key=True), Column("value", String))
    return metadata, table

"""People who came with a legacy database: shared addresses, and what was never enforced."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from app.addresses import BadAddress, canonical
from migrations.found import add_columns, column_names, create_index

revision = "39f2d7a4e5c6"
down_revision = "28e1c6b3f4d5"
branch_labels = None
depends_on = None

USERS = sa.table(
    "users",
    sa.column("id", sa.Integer),
    sa.column("email", sa.String),
    sa.column("address", sa.String),
    sa.column("shared_address", sa.String),
    sa.column("enforced", sa.Boolean),
)
HELD = sa.table("user_lo_root_ids", sa.column("user_id"), sa.column("lo_root_id"))
ENTITLEMENTS = sa.table(
    "entitlements",
    sa.column("user_id"),
    sa.column("lo_root_id"),
    sa.column("source"),
    sa.column("granted_at"),
)


def upgrade() -> None:
    marked = "enforced" in column_names("users")
    add_columns(
        "users",
        sa.Column("shared_address", sa.String(254)),
        sa.Column("enforced", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
    create_index("ix_users_shared_address", "users", ["shared_address"])
    if not marked:
        # Who has an address already came in by our own door, and nothing changes for them.
        find_addresses()
        explain_held_ids()


def find_addresses() -> None:
    """Give everybody without an address theirs; a form that several share is nobody's."""
    bind = op.get_bind()
    rows = bind.execute(sa.select(USERS.c.id, USERS.c.email, USERS.c.address)).all()
    forms = {id_: form_of(email) for id_, email, address in rows if address is None}
    holders = Counter(form for form in forms.values() if form)
    holders.update(address for _, _, address in rows if address is not None)
    op.execute(USERS.update().where(USERS.c.address.is_(None)).values(enforced=False))
    for column, shared in (("address", False), ("shared_address", True)):
        values = [
            {"whose": id_, "form": form}
            for id_, form in forms.items()
            if form and (holders[form] > 1) is shared
        ]
        if values:
            whose = USERS.update().where(USERS.c.id == sa.bindparam("whose"))
            bind.execute(whose.values({column: sa.bindparam("form", type_=sa.String)}), values)


def form_of(email: str) -> str | None:
    """The canonical form of an email; None where it is no address."""
    try:
        return canonical(email)
    except BadAddress:
        return None


def explain_held_ids() -> None:
    """Write down why people hold what they hold; ids of people who are gone are left out."""
    known = sa.exists().where(
        ENTITLEMENTS.c.user_id == HELD.c.user_id, ENTITLEMENTS.c.lo_root_id == HELD.c.lo_root_id
    )
    now = sa.literal(datetime.now(UTC).replace(tzinfo=None), sa.DateTime())
    held = (
        sa.select(HELD.c.user_id, HELD.c.lo_root_id, sa.literal("legacy"), now)
        .join_from(HELD, USERS, USERS.c.id == HELD.c.user_id)
        .where(~known)
    )
    columns = ["user_id", "lo_root_id", "source", "granted_at"]
    op.execute(ENTITLEMENTS.insert().from_select(columns, held))


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: going back would lose data.")

"""LO Root IDs: empty in the legacy chain too; the head before the retrofit."""

from __future__ import annotations

revision = "2178ee3811b9"
down_revision = "635f2ccc0f5b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: the revision exists so that databases stamped with it are understood."""


def downgrade() -> None:
    """Change nothing."""

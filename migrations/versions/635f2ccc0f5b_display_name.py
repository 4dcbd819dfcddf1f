"""Display names: empty in the legacy chain too."""

from __future__ import annotations

revision = "635f2ccc0f5b"
down_revision = "227e80a0ea44"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: the revision exists so that databases stamped with it are understood."""


def downgrade() -> None:
    """Change nothing."""

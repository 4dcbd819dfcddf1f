"""Chatbot modes: a later legacy stage. Its columns stay where they are and are made nowhere."""

from __future__ import annotations

revision = "c1a4f9d72e10"
down_revision = "a7baf7b52083"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: the revision exists so that databases stamped with it are understood."""


def downgrade() -> None:
    """Change nothing."""

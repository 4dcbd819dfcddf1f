"""What is wrong with a backup file."""

from __future__ import annotations


class BadBackup(Exception):
    """A file that cannot be restored from, or a database that cannot be saved; in words."""

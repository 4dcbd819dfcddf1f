"""Carries outgoing messages out: renders them, hands them to a mail server."""

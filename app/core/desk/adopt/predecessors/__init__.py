"""Bringing over what predecessors of Rollcall kept: people, PINs, passphrases, conversations."""

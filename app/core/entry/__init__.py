"""Coming in: every journey to the one door."""

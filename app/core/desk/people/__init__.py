"""What admins do with people's accounts, one at a time and many at once."""

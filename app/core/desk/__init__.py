"""What looks across all rooms: the questions that admins ask."""

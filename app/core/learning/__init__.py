"""What people came for: programs, the quota, the chat."""

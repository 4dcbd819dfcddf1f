"""Who there is, what they may do, where they are signed in."""

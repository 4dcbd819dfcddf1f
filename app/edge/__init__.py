"""What every request shares: database, identity, guards, headers, limits, logs, refusals."""

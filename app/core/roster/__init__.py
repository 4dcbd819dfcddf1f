"""Who may enter, and what for: files, their differences, imports and entitlements."""

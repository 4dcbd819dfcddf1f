"""What is allowed: plain functions that know neither HTTP nor settings."""

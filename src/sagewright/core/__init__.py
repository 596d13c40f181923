"""What every part stands on: errors, ARNs, ids, the clock and the settings."""

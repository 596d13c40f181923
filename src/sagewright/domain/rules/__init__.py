"""Rules on events: which events a pattern matches, and what a target is given of an event."""

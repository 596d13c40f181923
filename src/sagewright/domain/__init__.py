"""Pure logic in our own words, one folder an area. No I/O; areas do not import one another."""

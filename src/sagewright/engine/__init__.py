"""Makes work happen: lifecycle tables, the reconciler, placement."""

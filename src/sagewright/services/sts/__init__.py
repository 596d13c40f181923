"""STS: who is calling, and temporary keys."""

"""Container image URI to Python environment: recognised, built by uv, content-addressed, reused."""

"""HTTP alone: connections, bodies, TLS, limits. Nothing here knows AWS or what a request means."""

"""What answers: models, endpoint configurations, endpoints."""

"""From an HTTP request to an AWS operation and back: signatures, refusals, forms, CORS."""

"""The way of an inference request: router, variants, model servers."""

"""Pipelines: definitions, their graph, expressions, cache keys, retries, and what an execution does next. No I/O."""

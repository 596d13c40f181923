"""Metrics of trial components: what the experiments of SDK v2 log, over the store of run metrics."""

"""Batch transform: what ``transform`` runs inside a job's sandbox, beside the model server that it starts."""

"""CloudWatch Logs, over the log store."""

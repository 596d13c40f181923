"""CloudWatch metrics, over the metric store."""

"""What the platform remembers: resources, events, tags, credentials, logs, metrics, objects."""

"""HTTP to operation to HTTP: the one port all AWS services answer on."""

"""AWS services: a folder is a service as botocore names it, a file a noun, a function an operation."""

"""Small helpers of the inference toolkit."""

from sagewright_runtime.packages_support import parse_accept

__all__ = ["parse_accept"]

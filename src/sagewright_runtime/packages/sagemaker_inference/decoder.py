"""Bodies to arrays."""

from sagewright_runtime.serving.codecs import decode

__all__ = ["decode"]

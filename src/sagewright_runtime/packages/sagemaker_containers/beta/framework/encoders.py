"""Bodies to arrays and back."""

from sagewright_runtime.serving.codecs import decode, encode

__all__ = ["decode", "encode"]

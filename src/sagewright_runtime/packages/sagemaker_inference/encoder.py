"""Arrays to bodies."""

from sagewright_runtime.serving.codecs import encode

__all__ = ["encode"]

"""The response object that an ``output_fn`` for older images returns."""

from sagewright_runtime.packages_support import Response

__all__ = ["Response"]

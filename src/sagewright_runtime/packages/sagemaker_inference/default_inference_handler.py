"""The handler that a module's own handler extends."""

from sagewright_runtime.packages_support import DefaultInferenceHandler

__all__ = ["DefaultInferenceHandler"]

"""Channels as DMatrix."""

from sagewright_runtime.algorithms.xgboost.script_mode import get_content_type, get_dmatrix

__all__ = ["get_content_type", "get_dmatrix"]

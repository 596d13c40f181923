"""Request bodies as DMatrix."""

from sagewright_runtime.algorithms.xgboost.script_mode import (
    csv_to_dmatrix,
    decode,
    json_to_jsonlines,
    libsvm_to_dmatrix,
)

__all__ = ["csv_to_dmatrix", "decode", "json_to_jsonlines", "libsvm_to_dmatrix"]

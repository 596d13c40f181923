"""Training on the hosts of a job."""

from sagewright_runtime.algorithms.xgboost.script_mode import rabit_run

__all__ = ["rabit_run"]

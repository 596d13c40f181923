"""The training job's environment and its configuration files."""

from sagewright_runtime.packages_support import (
    TrainingEnvironment as Environment,
)
from sagewright_runtime.packages_support import (
    read_hyperparameters,
    read_input_data_config,
    read_resource_config,
)

__all__ = ["Environment", "read_hyperparameters", "read_input_data_config", "read_resource_config"]

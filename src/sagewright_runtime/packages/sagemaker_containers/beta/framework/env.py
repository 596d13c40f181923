"""The training environment, by its older name."""

from sagemaker_training.environment import read_hyperparameters

from sagemaker_containers import TrainingEnv

__all__ = ["TrainingEnv", "read_hyperparameters"]

"""What scripts for older images import: ``encoders``, ``worker.Response``, ``content_types``, ``training_env``."""

from sagemaker_containers import TrainingEnv, training_env
from sagemaker_containers.beta.framework import content_types, encoders, env, modules, transformer, worker

__all__ = [
    "TrainingEnv", "content_types", "encoders", "env", "modules", "training_env", "transformer", "worker",
]  # fmt: skip

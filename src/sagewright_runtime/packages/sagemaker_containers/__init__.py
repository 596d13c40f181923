"""The name under which scripts for older images find their training environment."""

import sys
from pathlib import Path

_LIBRARY = str(Path(__file__).resolve().parents[3])
if "sagewright_runtime" not in sys.modules and _LIBRARY not in sys.path:
    sys.path.append(_LIBRARY)

from sagewright_runtime.packages_support import TrainingEnvironment as TrainingEnv  # noqa: E402


def training_env() -> TrainingEnv:
    """The training job's environment: ``hyperparameters``, ``channel_input_dirs``, ``model_dir`` and so on."""
    return TrainingEnv()

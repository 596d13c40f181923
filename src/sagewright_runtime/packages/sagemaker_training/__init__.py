"""What training scripts import of the training toolkit: ``environment``."""

import sys
from pathlib import Path

_LIBRARY = str(Path(__file__).resolve().parents[3])
if "sagewright_runtime" not in sys.modules and _LIBRARY not in sys.path:
    sys.path.append(_LIBRARY)

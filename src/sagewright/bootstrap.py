"""The one file that knows every part: it makes them, connects them, starts and stops them."""

from __future__ import annotations

import importlib
import logging
import pkgutil

from sagewright import services

log = logging.getLogger(__name__)


def load_services() -> None:
    """Import every file below ``services``: an operation exists by being there."""
    for module in pkgutil.walk_packages(services.__path__, f"{services.__name__}."):
        importlib.import_module(module.name)

"""The one file that knows every part: it makes them, connects them, starts and stops them."""

from __future__ import annotations

import importlib
import json
import logging
import os
import pkgutil
import socket
import threading
from pathlib import Path

from sagewright import __version__, services
from sagewright.backends.choose import choose
from sagewright.core.clock import SystemClock
from sagewright.core.config import Settings
from sagewright.engine.lifecycle import RUN
from sagewright.engine.placement import Placement
from sagewright.engine.preparation import Preparation
from sagewright.engine.reconciler import Reconciler
from sagewright.engine.tools import Tools
from sagewright.environments.builder import Builder
from sagewright.gateway.app import Gateway
from sagewright.gateway.server import Server
from sagewright.kernel.nouns import all_nouns
from sagewright.kernel.platform import Platform
from sagewright.serving.router import Router
from sagewright.store import migrate
from sagewright.store.credentials import CredentialStore
from sagewright.store.database import Database
from sagewright.store.events import EventStore
from sagewright.store.logs import LogStore
from sagewright.store.metrics import MetricStore
from sagewright.store.objects import ObjectStore
from sagewright.store.resources import ResourceStore
from sagewright.store.tags import TagStore
from sagewright.wire.http import Request, Response

log = logging.getLogger(__name__)


def load_services() -> None:
    """Import every file below ``services``: an operation exists by being there."""
    for module in pkgutil.walk_packages(services.__path__, f"{services.__name__}."):
        importlib.import_module(module.name)

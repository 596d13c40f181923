"""A writer that goes on while the disk or the database is away."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import PYTHON, ROLE

from sagewright.testing.server import ServerProcess

KEYS = {"SAGEWRIGHT_ACCESS_KEY_ID": "AKIAOUTAGE", "SAGEWRIGHT_SECRET_ACCESS_KEY": "secret"}


class Writer:
    """Writes of one kind, one after the other: which were acknowledged, and how the others were answered."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write
        self.done: list[str] = []
        self.answers: Counter[tuple[int, str]] = Counter()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def await_answers(self, more: int, server: ServerProcess) -> None:
        begun = self.answers.total()
        eventually(lambda: self.answers.total() >= begun + more, what=server.log_tail)

    def await_done(self, more: int, server: ServerProcess) -> None:
        begun = len(self.done)
        eventually(lambda: len(self.done) >= begun + more, what=server.log_tail)

    def _run(self) -> None:
        for number in itertools.count():
            if self.ended.is_set():
                return
            try:
                self._write(f"w-{number}")
                self.done.append(f"w-{number}")
            except ClientError as error:
                answer = error.response
                self.answers[answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]] += 1
            except (ConnectionError, HTTPClientError):  # the server was killed
                return


def model(sagemaker: Any, name: str, **container: Any) -> None:
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": PYTHON, **container})


def refusal(act: Callable[[], Any]) -> str:
    """What a call is refused with; empty when it succeeds."""
    try:
        act()
    except ClientError as error:
        return str(error)
    return ""


def fixed(server: ServerProcess, service: str) -> Any:
    """A client with the keys of the environment: the disk of the server is not ours to see."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=KEYS["SAGEWRIGHT_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["SAGEWRIGHT_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )

"""The trial of one operation: send what is wrong, judge each answer, look whether anything changed."""

from __future__ import annotations

import copy
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from botocore.exceptions import ClientError
from cbor2 import loads
from tests.contract.bad_input.cases import Mutation, Target, members_of, readable
from tests.contract.bad_input.mutations import mutations
from tests.contract.bad_input.samples import sample
from tests.contract.bad_input.stages import BUCKET, MORE, OWN, STAGES
from tests.contract.bad_input.state import State
from tests.contract.bad_input.wire import CBOR, Answer, Caller, Shot
from tests.kit.eventually import eventually

from sagewright.bootstrap import load_services
from sagewright.gateway.http.heads import MAX_PARAMETERS
from sagewright.nouns.operations import all_operations
from sagewright.testing.server import ServerProcess
from sagewright.wire.models import SERVED, service_model

load_services()

COUNT = 300
SHOWN = 6
PROTOCOLS = ("json", "query", "rest-json", "rest-xml", CBOR)
"""Those in which requests can be written by hand here."""
UNSET = (
    "GetBucketEncryption",
    "GetBucketLifecycleConfiguration",
    "GetBucketReplication",
    "GetBucketWebsite",
    "GetObjectLockConfiguration",
)
"""What these ask for cannot be set, and a valid request is told so."""
SEED = os.environ.get("BAD_INPUT_SEED", "CI" if "CI" in os.environ else str(time.time()))
"""Continuous integration sends the same requests each time; elsewhere a failure names the seed to set."""


UNTRIED = frozenset(Path(__file__).with_name("untried.txt").read_text().splitlines()[2:])
"""Operations that have no stage yet."""


def served(*services: str) -> list[tuple[str, str, str]]:
    """(service, operation, protocol) of all that works in these services; each protocol a service speaks counts."""
    found = [
        (each.service, each.name, protocol)
        for each in all_operations()
        if each.service in services and each.name not in UNTRIED
        for protocol in SERVED[each.service].protocols
        if protocol in PROTOCOLS
    ]
    if "sagemaker-runtime" in services:
        for name in ("InvokeEndpoint", "InvokeEndpointWithResponseStream"):  # the gateway's own
            found.append(("sagemaker-runtime", name, "rest-json"))
    return found


@dataclass
class Arena:
    """A server of its own, what stands on it, and what was seen."""

    server: ServerProcess
    client: Callable[..., Any]
    service: str
    values: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.caller = Caller(self.server)
        self.build()
        self.state = State(self.server.data_dir)

    def build(self) -> None:
        """Make what requests speak of, as far as it is not there."""
        values, self._again = STAGES[self.service](self.client)
        self.values.update(values)

    def restore(self, operation: str) -> None:
        """Put back what an accepted request used up."""
        again = self._again.get(operation)
        if again is not None:
            with suppress(ClientError):
                found = again()
                if found is not None and "ResponseMetadata" not in found:
                    self.values.update(found)
            self.state.changed(logs=False)

    def repair(self) -> None:
        """Build anew where a request whose path or method was changed took away what others need."""
        shots = {
            "s3": [Shot("HEAD", f"/{BUCKET}/there"), Shot("HEAD", f"/{BUCKET}-empty")],
            "scheduler": [Shot("GET", "/schedules/kept"), Shot("GET", "/schedule-groups/kept")],
        }
        if any(self.caller.send(shot, self.service).status != 200 for shot in shots.get(self.service, ())):
            self.build()
            self.state.changed(logs=False)

    def target(self, operation: str, protocol: str) -> Target:
        shape = service_model(self.service).operation_model(operation).input_shape

        def base() -> dict[str, Any]:
            own = OWN[operation](self.values) if operation in OWN else {}
            wanted = [*(shape.required_members if shape else ()), *MORE.get(operation, ())]
            members = {name: shape.members[name] for name in wanted if name not in own}  # type: ignore[union-attr]
            found = {name: sample(member, name, self.values) for name, member in members.items()}
            return copy.deepcopy({**found, **own})

        return Target(self.service, operation, protocol, base, self.values)


class Trial:
    """One operation against one server."""

    def __init__(self, arena: Arena, operation: str, protocol: str) -> None:
        self.arena = arena
        self.target = arena.target(operation, protocol)
        self.method = service_model(arena.service).operation_model(operation).http["method"]
        self.seen: Counter[str] = Counter()
        self.failures: list[str] = []
        self._logs = arena.service == "logs" and operation.startswith(("Put", "Create"))

    def run(self, count: int = COUNT) -> None:
        """Send until ``count`` requests were refused; what turns out to be valid comes on top.

        Raises ``AssertionError`` with what went wrong, each with its request and answer.
        """
        rng = random.Random(f"{self.target.id}{SEED}")
        if self.arena.service == "s3":
            self.arena.build()
        self.arena.state.changed(logs=False)
        self.arena.restore(self.target.operation)
        last: list[Answer] = []
        # What was just stopped can be deleted a moment later.
        eventually(lambda: self._valid(last), what=lambda: f"{self.target.id}: {self.target.shot()}\n--> {last}")
        self._settle()
        for mutation in mutations(self.target, rng):
            self.judge(mutation, self.arena.caller.send(mutation.shot, self.target.service))
            if self.seen["refused"] >= count or len(self.failures) >= SHOWN:
                break
        orphans = self.arena.state.orphans() if self.arena.service == "s3" else ()
        if orphans:
            self.failures.append(f"{self.target.id}: blobs that nothing names: {orphans}")
        assert not self.failures, f"BAD_INPUT_SEED={SEED}\n\n" + "\n\n".join(self.failures)

    def _valid(self, last: list[Answer]) -> bool:
        """Whether the request that nothing is wrong with is accepted."""
        last[:] = [self.arena.caller.send(self.target.shot(), self.target.service)]
        return last[0].status < 300 or (last[0].status == 404 and self.target.operation in UNSET)

    def _settle(self) -> None:
        self.arena.restore(self.target.operation)
        self.arena.state.changed(logs=self._logs)

    def judge(self, mutation: Mutation, answer: Answer) -> None:
        """Note what is wrong with an answer."""
        problem = self._problem(mutation, answer)
        accepted = 200 <= answer.status < 300
        self.seen["accepted" if accepted else "refused"] += 1
        changed = self.arena.state.changed(logs=self._logs)
        if changed and not accepted:
            problem = problem or "it was refused and something changed"
        if changed and accepted and mutation.shot.method in ("GET", "HEAD") and self.method in ("GET", "HEAD"):
            problem = problem or "it only reads and something changed"
        if problem:
            self.failures.append(f"{problem}\n{readable(mutation, self.target, str(answer)[:1500])}")
        if accepted and changed:
            self.arena.repair()
            self._settle()

    def _problem(self, mutation: Mutation, answer: Answer) -> str:  # noqa: PLR0911 - a problem each
        status = answer.status
        if mutation.transport or _not_http(mutation.shot):
            return "" if status < 500 else "a 5xx"
        if status == 0:
            return "no answer"
        if 200 <= status < 300:
            return "accepted, against the model" if mutation.must_fail else ""
        if status == 304:
            return ""
        code, message = error_of(answer)
        if status >= 500:
            return "" if status == 501 and code == "NotImplemented" else "a 5xx"
        if not 400 <= status < 500:
            return "neither an answer nor a refusal"
        if mutation.shot.method == "HEAD" or self.method == "HEAD":
            return ""
        if not code or not message:
            return "a refusal without code or message"
        if mutation.member and mutation.member not in message and code == SERVED[self.target.service].invalid:
            return f"the message does not name {mutation.member}"
        return ""


def _not_http(shot: Shot) -> bool:
    """Whether a header holds a control character, or the target is not ASCII or has too many parameters."""
    target, headers, _ = shot.parts()
    return (
        not target.isascii()
        or target.count(b"&") >= MAX_PARAMETERS
        or any((byte < 32 and byte != 9) or byte == 127 for _, value in headers for byte in value)
    )


def error_of(answer: Answer) -> tuple[str, str]:
    """Code and message, in whichever of AWS's forms; two empty strings when there is no such form."""
    if answer.headers.get("content-type", "").startswith("application/") and answer.body.startswith(b"{"):
        found = members_of(answer.body)
        code = found.get("__type") or answer.headers.get("x-amzn-errortype", "")
        return str(code).rpartition("#")[2], str(found.get("message") or found.get("Message") or "")
    if answer.headers.get("content-type") == "application/cbor":
        found = loads(answer.body)
        return str(found.get("__type", "")).rpartition("#")[2], str(found.get("message", ""))
    with suppress(ElementTree.ParseError):
        root = ElementTree.fromstring(answer.body)
        texts = {each.tag.rpartition("}")[2]: each.text or "" for each in root.iter()}
        return texts.get("Code", ""), texts.get("Message", "")
    return "", ""

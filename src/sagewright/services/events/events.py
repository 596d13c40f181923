"""Events that users send, and the trial of a pattern."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

from sagewright.core import Json
from sagewright.core.errors import AwsError, ValidationException
from sagewright.nouns.operations import Call, operation
from sagewright.services.events._delivery import Deliveries, event_of
from sagewright.services.events._shared import require_bus
from sagewright.services.events.rules import check_pattern

ENTRY_BYTES = 1 << 20
"""Bytes of all entries of a request."""
EVENT_MEMBERS = ("id", "account", "source", "time", "region", "resources", "detail-type")


@operation("events", "PutEvents")
def put_events(call: Call, request: Json) -> Json:
    """Take events in; each stands on its own. A delivery is stored for each target of each rule that matches."""
    size = sum(
        len(str(each.get(name, ""))) for each in request["Entries"] for name in ("Source", "DetailType", "Detail")
    )
    if size > ENTRY_BYTES:
        raise ValidationException(f"Total size of the entries in the request is over the limit of {ENTRY_BYTES} bytes.")
    deliveries = Deliveries(call.platform.resources, call.platform.clock, call.platform.metrics, call.platform.hint)
    answers = []
    for entry in request["Entries"]:
        try:
            answers.append({"EventId": _put(call, entry, deliveries)})
        except AwsError as error:
            answers.append({"ErrorCode": error.code, "ErrorMessage": error.message})
    failed = sum("ErrorCode" in each for each in answers)
    return {"FailedEntryCount": failed, "Entries": answers}


def _put(call: Call, entry: Json, deliveries: Deliveries) -> str:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            text = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            raise AwsError(text, code="InvalidArgument")
    if entry["Source"].startswith("aws."):
        raise AwsError("Not authorized for the source.", code="NotAuthorizedForSourceException")
    require_bus(call, entry)
    detail = _object(entry["Detail"])
    if detail is None:
        raise AwsError("Detail is malformed.", code="MalformedDetail")
    moment = entry.get("Time", call.platform.clock.now())
    event = event_of(
        str(uuid.uuid4()),
        entry["Source"],
        entry["DetailType"],
        detail,
        place=(call.account, call.region),
        at=moment.timestamp() if isinstance(moment, datetime) else float(moment),
        resources=entry.get("Resources", ()),
    )
    deliveries.deliver(event)
    return str(event["id"])


@operation("events", "TestEventPattern")
def try_pattern(_call: Call, request: Json) -> Json:
    """Whether a pattern matches an event, which has to have the members of every event."""
    pattern = check_pattern(request["EventPattern"])
    event = _object(request["Event"])
    if event is None:
        raise ValidationException("Parameter Event is not valid.")
    for name in EVENT_MEMBERS:
        if name not in event:
            raise ValidationException(f"Parameter {name} is missing in the event.")
    return {"Result": pattern.matches(event)}


def _object(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None

"""Event buses: there is the default one."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.nouns.operations import Call, operation
from sagewright.services.events._shared import BUS, NotFound, bus_arn, page


@operation("events", "DescribeEventBus")
def describe_event_bus(call: Call, request: Json) -> Json:
    name = request.get("Name", BUS)
    if name not in (BUS, bus_arn(call)):
        raise NotFound(f"Event bus {name} does not exist.")
    return {"Name": BUS, "Arn": bus_arn(call)}


@operation("events", "ListEventBuses")
def list_event_buses(call: Call, request: Json) -> Json:
    names = [BUS] if BUS.startswith(request.get("NamePrefix", "")) else []
    found, more = page(request, names, lambda name: name)
    return {"EventBuses": [{"Name": name, "Arn": bus_arn(call)} for name in found], **more}

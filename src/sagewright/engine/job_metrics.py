"""Metrics of jobs: what the agents' regular expressions matched becomes CloudWatch metrics and FinalMetricDataList."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sagewright.core import Json
from sagewright.engine.tools import Tools
from sagewright.store.metrics import Dimensions, Point
from sagewright.store.resources import Resource

LINES_AT_ONCE = 5_000
"""An act takes over no more, so that a job with many values holds neither the server's memory nor its threads."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an act took over: changes of ``status`` and ``run``, and whether there is ``more`` for the next act."""

    status: Json = field(default_factory=dict)
    run: Json = field(default_factory=dict)
    more: bool = False


def ingest(tools: Tools, resource: Resource, namespace: str) -> Ingested:
    """Take over new matches of all instances; how far each file was read is kept in ``run``.

    After a crash between the two writes the same lines come again; each point names its line as ``source``, by which
    the metric store knows them.
    """
    offsets: dict[str, int] = dict(resource.run.get("metrics", {}))
    final: dict[str, Json] = {each["MetricName"]: each for each in resource.status.get("FinalMetricDataList", ())}
    points: list[Point] = []
    left = LINES_AT_ONCE
    for host in resource.run["handle"].get("hosts", ()):
        path = tools.backend.instance_directory(resource.run["handle"], host) / "metrics.jsonl"
        job = ("TrainingJobName", resource.name)
        dimensions = ((job,), (("Host", f"{resource.name}/{host}"), job))
        for start, end, line in _complete_lines(path, offsets.get(host, 0), left):
            offsets[host] = end
            left -= 1
            points += [_point(line, each, f"{resource.id}/{host}/{start}") for each in dimensions]
            final[line["name"]] = {"MetricName": line["name"], "Value": line["value"], "Timestamp": line["at"]}
    if not points:
        return Ingested()
    tools.metrics.put(resource.account, resource.region, namespace, points)
    return Ingested({"FinalMetricDataList": list(final.values())}, {"metrics": offsets}, more=not left)


def _point(line: Json, dimensions: Dimensions, source: str) -> Point:
    """One value, or the statistic of many values of one moment."""
    if "samples" not in line:
        return Point.of(line["name"], line["at"], line["value"], dimensions, source)
    return Point(
        line["name"], line["at"], line["total"], line["minimum"], line["maximum"], line["samples"], dimensions,
        source=source,
    )  # fmt: skip


def _complete_lines(path: Path, offset: int, most: int) -> Iterator[tuple[int, int, Json]]:
    """At most so many whole lines from ``offset`` on: where each begins and ends, and its document."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            for _ in range(most):
                line = file.readline()
                if not line.endswith(b"\n"):
                    return
                yield offset, offset + len(line), json.loads(line)
                offset += len(line)
    except FileNotFoundError:
        return

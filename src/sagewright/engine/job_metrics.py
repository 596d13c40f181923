"""Measures: what the agents' metric regexes matched, taken over into CloudWatch metrics and FinalMetricDataList."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagewright.engine.tools import Tools
from sagewright.store.metrics import Point
from sagewright.store.resources import Resource

Json = dict[str, Any]


def ingest(tools: Tools, resource: Resource, namespace: str) -> tuple[Json, Json]:
    """New matches of all instances → (status, run) changes; how far each file was read is kept in ``run``.

    After a crash between the two writes the same lines come again; each point names its line as ``source``, by which
    the metric store knows them.
    """
    offsets: dict[str, int] = dict(resource.run.get("metrics", {}))
    final: dict[str, Json] = {each["MetricName"]: each for each in resource.status.get("FinalMetricDataList", ())}
    points: list[Point] = []
    for host in resource.run["handle"].get("hosts", ()):
        path = tools.backend.instance_directory(resource.run["handle"], host) / "metrics.jsonl"
        job = ("TrainingJobName", resource.name)
        dimensions = ((job,), (("Host", f"{resource.name}/{host}"), job))
        for start, end, line in _complete_lines(path, offsets.get(host, 0)):
            offsets[host] = end
            name, value, at = line["name"], float(line["value"]), float(line["at"])
            source = f"{resource.id}/{host}/{start}"
            points += [Point.of(name, at, value, each, source) for each in dimensions]
            final[name] = {"MetricName": name, "Value": value, "Timestamp": at}
    if not points:
        return {}, {}
    tools.metrics.put(resource.account, resource.region, namespace, points)
    return {"FinalMetricDataList": list(final.values())}, {"metrics": offsets}


def _complete_lines(path: Path, offset: int) -> Iterator[tuple[int, int, Json]]:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                yield offset, offset + len(line), json.loads(line)
                offset += len(line)
    except FileNotFoundError:
        return

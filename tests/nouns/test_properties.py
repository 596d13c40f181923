"""Values of a resource at dotted names: metrics with statistics, parameters, what a noun adds for searches."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.nouns import properties
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.properties import ITEM, Record
from sagewright.nouns.shape import Shape
from sagewright.store.properties import Item, Value
from sagewright.store.resources import Resource

NOUN = Noun(
    kind="TrialComponent",
    path="experiment-trial-component/{name}",
    taken=Refusal("taken"),
    missing=Refusal("missing"),
    shape=Shape(
        summary={"DisplayName": "DisplayName", "TrialComponentSource": "Source"},
        filters={"ExperimentName": "DisplayName", "TrialName": "DisplayName", "SourceArn": "Source.SourceArn"},
    ),
)
PARENTS = [{"TrialName": "t", "ExperimentName": "e"}, {"TrialName": "u"}]
SPEC: dict[str, Any] = {
    "Parameters": {"eta": {"NumberValue": 0.1}, "a.b": {"StringValue": "x"}},
    "Metrics": [{"MetricName": "loss.Max", "Max": 3.0, "Last": 2.0}, {"MetricName": "acc", "Min": 0.5}],
}
ROW = dict.fromkeys(Resource._fields, "") | {"spec": SPEC, "status": {}, "run": {}, "name": "c", "created": 1.0}


@pytest.fixture(autouse=True)
def _parents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(properties, "_added", {})
    properties.searches_also(NOUN, lambda _call, _resource: {"Parents": PARENTS})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Parameters.eta", [0.1]),
        ("Parameters.a.b", ["x"]),
        ("Metrics.loss.Max", [2.0]),
        ("Metrics.loss.Max.Max", [3.0]),
        ("Metrics.acc.Min", [0.5]),
        ("Metrics.acc.Max", []),
        ("Metrics.acc", []),
        ("Parents.TrialName", ["t", "u"]),
        ("Parents.ExperimentName", ["e"]),
        ("Tags.k", ["v"]),
        ("TrialComponentName", ["c"]),
        ("Nothing.at.all", []),
    ],
)
def test_values_at_names(name: str, values: list[Any]) -> None:
    call: Any = None  # of which this noun's description needs nothing
    assert Record(call, NOUN, Resource(**ROW), {"k": "v"}).values(name) == values


def test_items_of_a_list_are_told_apart() -> None:
    call: Any = None
    found = Record(call, NOUN, Resource(**ROW), {}).indexed(f"Parents{ITEM}ExperimentName")
    assert found == [Value("e", None, 0), Item(1)]

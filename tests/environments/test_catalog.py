"""Images are recognised by repository and tag; what is not known says what is."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.environments.catalog import UnknownImage, environments, named, resolve

EAST = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        (f"{EAST}/sagemaker-xgboost:3.0-5", "xgboost-3.0-5"),
        ("246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:1.7-1", "xgboost-1.7-1"),
        ("450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost:3.2-0", "xgboost-3.2-0"),
        (f"{EAST}/sagemaker-xgboost:1.0-1-cpu-py3", "xgboost-1.7-1"),
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest", "xgboost-3.2-0"),
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", "xgboost-1.7-1"),
        (f"{EAST}/sagemaker-xgboost@sha256:{'0' * 64}", "xgboost-3.2-0"),
        (f"{EAST}/sagemaker-xgboost:1.7-1@sha256:{'0' * 64}", "xgboost-1.7-1"),
        (f"{EAST}/sagemaker-xgboost", "xgboost-3.2-0"),
        (f"{EAST}/sagemaker-scikit-learn:1.4-2-cpu-py3", "sklearn-1.4-2"),
        (f"{EAST}/sagemaker-scikit-learn:1.4-2-py312-cpu-py3", "sklearn-1.4-2"),
        (f"{EAST}/sagemaker-scikit-learn:0.23-1-cpu-py3", "sklearn-1.2-1"),
        ("081325390199.dkr.ecr.us-east-1.amazonaws.com/sagemaker-base-python:1.0", "python-3"),
        ("sagewright/python:3.12", "python-3.12"),
        ("localhost:5000/sagewright/python", "python-3"),
    ],
)
def test_known_images(uri: str, name: str) -> None:
    assert resolve(uri).name == name


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.8.0-cpu-py312", "does not work here yet"),
        ("example.com/mine:1", "There is no image 'mine' here"),
        (f"{EAST}/sagemaker-xgboost:9.9-9", "has no tag '9.9-9' here; its versions are 3.2-0, 3.0-5, 1.7-1"),
        (f"{EAST}/sagemaker-scikit-learn:1.2-1-gpu-py3", "needs a GPU"),
        ("a:b:c", "is not the URI of a container image"),
        ("", "is not the URI of a container image"),
    ],
)
def test_unknown_images_say_what_there_is(uri: str, said: str) -> None:
    with pytest.raises(UnknownImage, match=re.escape(said)):
        resolve(uri)


@given(st.text() | st.from_regex(r"[a-z./:@-]{0,30}"))
def test_any_text_resolves_or_is_refused(text: str) -> None:
    with contextlib.suppress(UnknownImage):
        assert resolve(text) in environments()


def test_every_environment_is_pinned_and_found_by_name() -> None:
    for spec in environments():
        assert named(spec.name) is spec
        assert all(re.match(r"[\w-]+==[\w.]+(; .+)?$", line) for line in spec.requirements)


def test_the_metrics_of_xgboost_match_its_lines() -> None:
    metrics = {metric.name: metric.regex for metric in resolve(f"{EAST}/sagemaker-xgboost:3.0-5").metrics}
    line = "[12]#011train-error:0.07715#011validation-error:0.09910#011validation-auc:0.5"
    found = {name: match[1] for name, regex in metrics.items() if (match := re.search(regex, line))}
    assert found == {"train:error": "0.07715", "validation:error": "0.09910", "validation:auc": "0.5"}
    assert len([name for name in metrics if name.startswith("validation:")]) == 33

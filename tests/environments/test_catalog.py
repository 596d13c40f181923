"""Images are recognised by repository and tag; what is not known says what is."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.environments.catalog import UnknownImage, environments, named, resolve
from sagewright.environments.interpreters import OWN, choose

EAST = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        (f"{EAST}/sagemaker-xgboost:3.0-5", "xgboost-3.0-5"),
        ("246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:1.7-1", "xgboost-1.7-1"),
        ("450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost:3.2-0", "xgboost-3.2-0"),
        (f"{EAST}/sagemaker-xgboost@sha256:{'0' * 64}", "xgboost-3.2-0"),
        (f"{EAST}/sagemaker-xgboost:1.7-1@sha256:{'0' * 64}", "xgboost-1.7-1"),
        (f"{EAST}/sagemaker-xgboost", "xgboost-3.2-0"),
        (f"{EAST}/sagemaker-scikit-learn:1.9-0-cpu-py3", "sklearn-1.9-0"),
        ("081325390199.dkr.ecr.us-east-1.amazonaws.com/sagemaker-base-python:1.0", "base-python-1.0"),
        (f"sagewright/python:{OWN}", f"python-{OWN}"),
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
        assert resolve(text).name in {spec.name for spec in environments()}


def test_every_environment_is_pinned_and_found_by_name() -> None:
    for spec in environments():
        assert named(spec.name) == spec
        assert all(re.match(r"[\w-]+==[\w.]+(; .+)?$", line) for line in spec.requirements)


OLD = [
    ("sagemaker-scikit-learn:0.20.0-cpu-py3", "sklearn-0.20.0", "scikit-learn 0.20.0", ["3.7"]),
    ("sagemaker-scikit-learn:0.23-1-cpu-py3", "sklearn-0.23-1", "scikit-learn 0.23.2", ["3.7", "3.8"]),
    (
        "sagemaker-scikit-learn:1.4-2-py312-cpu-py3",
        "sklearn-1.4-2",
        "scikit-learn 1.4.2",
        ["3.9", "3.10", "3.11", "3.12"],
    ),
    ("sagemaker-xgboost:0.90-2-cpu-py3", "xgboost-0.90-1", "XGBoost 0.90", ["3.9", "3.10", "3.11"]),
    ("sagemaker-xgboost:1.0-1-cpu-py3", "xgboost-1.0-1", "XGBoost 1.0.0", ["3.9", "3.10", "3.11"]),
    ("sagemaker-xgboost:1.5-1", "xgboost-1.5-1", "XGBoost 1.5.2", ["3.9", "3.10", "3.11"]),
]


@pytest.mark.parametrize(("image", "name", "library", "pythons"), OLD)
def test_an_old_tag_is_that_version_where_a_python_for_it_is_here(
    image: str, name: str, library: str, pythons: list[str]
) -> None:
    found = resolve(f"{EAST}/{image}")
    if choose(pythons):
        assert (found.name, found.notes, found.python in pythons) == (name, (), True)
    else:
        assert found.name != name
        assert f"{image} holds {library}; " in found.notes[0]
    known = named(found.name)
    assert (known.name, known.requirements, known.notes) == (found.name, found.requirements, ())


def test_without_a_python_for_it_the_nearest_stands_in_and_says_so(tmp_path: Path) -> None:
    program = (
        "from sagewright.environments.catalog import resolve\n"
        "spec = resolve('sagemaker-scikit-learn:0.20.0-cpu-py3')\n"
        "print(spec.name, spec.variables.get('SAGEWRIGHT_STANDS_FOR'), *spec.notes)"
    )
    nowhere = {"PATH": "/nonexistent", "HOME": str(tmp_path), "PYENV_ROOT": "/nonexistent"}
    done = subprocess.run([sys.executable, "-c", program], env=nowhere, capture_output=True, text=True, check=True)
    if Path("/usr/bin/python3.7").exists() or Path("/usr/local/bin/python3.7").exists():
        assert done.stdout == "sklearn-0.20.0 None\n"
        return
    assert re.fullmatch(
        r"sklearn-\S+ 0\.20\.0 The image sagemaker-scikit-learn:0\.20\.0-cpu-py3 holds scikit-learn 0\.20\.0; "
        r"scikit-learn \S+ runs in its place, because no Python 3\.7 is on this machine\.\n",
        done.stdout,
    )


@pytest.mark.parametrize("tag", [":1", ":latest", ""])
def test_the_first_xgboost_image_is_0_72(tag: str) -> None:
    """What its tag promises is older than any release that still runs, so it always comes with a note."""
    found = resolve(f"811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost{tag}")
    assert found.name == ("xgboost-0.90-1" if choose(["3.9", "3.10", "3.11"]) else "xgboost-1.7-1")
    if tag == ":1":
        assert "xgboost:1 holds XGBoost 0.72; XGBoost" in found.notes[0]
    assert found.variables["SAGEWRIGHT_STANDS_FOR"] == "0.90-1"


@pytest.mark.parametrize(
    ("image", "version"), [("sagemaker-base-python-310", "3.10"), ("sagemaker-base-python-38", "3.8")]
)
def test_the_default_images_of_remote_functions_need_their_python(image: str, version: str) -> None:
    uri = f"236514542706.dkr.ecr.us-east-1.amazonaws.com/{image}:1.0"
    if choose([version]):
        assert resolve(uri).python == version
        assert any(line.startswith("sagemaker==2") for line in resolve(uri).requirements)
    else:
        with pytest.raises(
            UnknownImage, match=f"needs Python {version}.*Give an image_uri.*sagemaker-base-python:{OWN}"
        ):
            resolve(uri)


def test_the_metrics_of_xgboost_match_its_lines() -> None:
    metrics = {metric.name: metric.regex for metric in resolve(f"{EAST}/sagemaker-xgboost:3.0-5").metrics}
    line = "[12]#011train-error:0.07715#011validation-error:0.09910#011validation-auc:0.5"
    found = {name: match[1] for name, regex in metrics.items() if (match := re.search(regex, line))}
    assert found == {"train:error": "0.07715", "validation:error": "0.09910", "validation:auc": "0.5"}
    assert len([name for name in metrics if name.startswith("validation:")]) == 33

"""The short way for few rows gives what ``Booster.predict`` gives, to the bit, or is not taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xgboost

from sagewright_runtime.algorithms.xgboost.few_rows import MOST_ROWS, few_rows

RNG = np.random.default_rng(11)
ROWS = RNG.normal(size=(300, 6)).astype(np.float32)
ROWS[RNG.random(ROWS.shape) < 0.1] = np.nan
FIRST = np.nan_to_num(ROWS[:, 0])
LABELS = (FIRST > 0).astype(int)
CLASSES = np.digitize(FIRST, [-0.5, 0.5])
OBJECTIVES = [
    "reg:squarederror", "reg:squaredlogerror", "reg:logistic", "reg:pseudohubererror", "reg:absoluteerror",
    "reg:gamma", "reg:tweedie", "reg:quantileerror", "count:poisson", "binary:logistic", "binary:logitraw",
    "binary:hinge", "multi:softmax", "multi:softprob", "rank:pairwise", "rank:ndcg", "rank:map",
    "survival:cox", "survival:aft",
]  # fmt: skip


def train(objective: str, **more: object) -> xgboost.Booster:
    settings: dict[str, object] = {"objective": objective, "nthread": 1, "max_depth": 3, **more}
    data = xgboost.DMatrix(ROWS, LABELS + (objective in ("reg:gamma", "survival:cox")))
    if objective.startswith("multi:"):
        settings["num_class"] = 3
        data.set_label(CLASSES)
    elif objective.startswith("rank:"):
        data.set_group([100, 200])
    elif objective == "survival:aft":
        data.set_float_info("label_lower_bound", LABELS + 1.0)
        data.set_float_info("label_upper_bound", LABELS + 2.0)
    elif objective == "reg:quantileerror":
        settings["quantile_alpha"] = [0.1, 0.9]
    return xgboost.train(settings, data, 10)


def few(booster: xgboost.Booster, rows: Any = ROWS) -> list[Any]:
    """The predictions of the short way, in portions of all sizes."""
    (way,) = few_rows([booster])
    found: list[Any] = []
    for count in (1, 2, 3, way.most, 1, 17):
        way.rows[:count] = rows[len(found) : len(found) + count]
        found += way.predict(count)
    return found


def same(booster: xgboost.Booster, rows: Any = ROWS) -> bool:
    found = few(booster, rows)
    return found == booster.predict(xgboost.DMatrix(rows[: len(found)]), validate_features=False).tolist()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective(objective: str) -> None:
    assert same(train(objective))


@pytest.mark.parametrize(
    "more",
    [
        {"base_score": 0.3},
        {"num_parallel_tree": 3, "subsample": 0.5},
        {"monotone_constraints": "(1,0,0,0,0,-1)"},
        {"tree_method": "exact"},
        {"grow_policy": "lossguide", "max_leaves": 5},
        {"max_depth": 0, "tree_method": "approx"},
    ],
)
def test_every_way_to_grow_trees(more: dict[str, object]) -> None:
    assert same(train("binary:logistic", **more))


def test_categorical_features() -> None:
    rows = RNG.integers(0, 9, size=(300, 3)).astype(np.float32)
    data = xgboost.DMatrix(rows, rows[:, 0] % 3, feature_types=["c", "q", "c"], enable_categorical=True)
    booster = xgboost.train({"max_cat_to_onehot": 1, "nthread": 1}, data, 5)
    loaded = xgboost.Booster()
    loaded.load_model(booster.save_raw())
    assert same(loaded, rows)


def test_a_loaded_model_and_several_at_once() -> None:
    boosters = []
    for seed in (1, 2):
        booster = xgboost.Booster()
        booster.load_model(train("binary:logistic", seed=seed, subsample=0.5).save_raw())
        boosters.append(booster)
    ways = few_rows(boosters)
    assert ways[0].rows is ways[1].rows  # so that rows are written once
    ways[0].rows[:5] = ROWS[:5]
    wanted = [booster.predict(xgboost.DMatrix(ROWS[:5])).tolist() for booster in boosters]
    assert [way.predict(5) for way in ways] == wanted
    assert wanted[0] != wanted[1]


@pytest.mark.parametrize("booster", ["dart", "gblinear"])
def test_boosters_that_are_left_to_the_library(booster: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert few_rows([train("binary:logistic", booster=booster)]) == []
    assert capsys.readouterr().err == f"Few rows are predicted as many are: {booster} is not gbtree\n"


class Own(xgboost.Booster):  # type: ignore[misc]
    """A booster of somebody's own kind, such as an old container may have pickled."""

    def predict(self, *arguments: Any, **named: Any) -> Any:
        return super().predict(*arguments, **named) * np.float32(1.0000001)


def test_predictions_that_differ_in_the_last_bit_are_not_given(capsys: pytest.CaptureFixture[str]) -> None:
    own = Own()
    own.load_model(train("reg:squarederror").save_raw())
    assert few_rows([own]) == []
    assert "not those of Booster.predict" in capsys.readouterr().err
    assert few_rows([train("reg:squarederror"), own]) == []  # all or none


def test_wide_models_get_a_smaller_buffer_or_none() -> None:
    assert few_rows([train("reg:squarederror")])[0].most == MOST_ROWS
    for features, most in ((5000, 52), (300_000, 0)):
        rows = np.zeros((2, features), np.float32)
        rows[1, 7] = 1
        booster = xgboost.train({"min_child_weight": 0, "nthread": 1}, xgboost.DMatrix(rows, [0, 1]), 2)
        ways = few_rows([booster])
        assert (ways[0].most if ways else 0) == most

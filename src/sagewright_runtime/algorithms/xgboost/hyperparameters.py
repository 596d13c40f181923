"""The algorithm's hyperparameters: text from the request becomes checked values.

``hyperparameters.json`` lists them. Meaning and ranges:
https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Dict

from sagewright_runtime.algorithms.xgboost import metrics
from sagewright_runtime.training.failures import ClientError

Rule = Dict[str, Any]

DEFAULT_OBJECTIVE = "reg:squarederror"
_ALIASES = {
    "learning_rate": "eta",
    "min_split_loss": "gamma",
    "reg_alpha": "alpha",
    "reg_lambda": "lambda",
}


def validate(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Parsed hyperparameters by their own names. Raises ``ClientError`` naming the first that is wrong."""
    rules: dict[str, Rule] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    texts = {_ALIASES.get(name, name): str(value) for name, value in raw.items()}
    for name, rule in rules.items():
        if rule.get("required") and name not in texts:
            raise ClientError(f"Missing required hyperparameter: {name}")
    for name in texts:
        if name not in rules:
            raise ClientError(f"Extraneous hyperparameter found: {name}")
    values = {name: _parse(name, rules[name], text) for name, text in texts.items()}
    _agree(values)
    return values


def _parse(name: str, rule: Rule, text: str) -> Any:
    try:
        value = _PARSERS[rule["type"]](text)
    except (ValueError, SyntaxError, TypeError):
        raise ClientError(f"Hyperparameter {name}: could not parse value {text!r}") from None
    parts = _flat(value)
    if not all(_allowed(rule, part) for part in parts):
        raise ClientError(f"Hyperparameter {name}: value {value} not in range {_range(rule)}")
    return value


def _number(text: str) -> float:
    value = float(text)
    if math.isnan(value):
        raise ValueError(text)
    return value


def _integer(text: str) -> int:
    return int(text.strip())


def _items(text: str) -> list[str]:
    """``auc,error`` and, as SDKs write lists, ``["auc", "error"]``."""
    if text.strip().startswith("["):
        return [str(item) for item in ast.literal_eval(text.strip())]
    return [item.strip() for item in text.split(",") if item.strip()]


def _tuple(text: str) -> tuple[int, ...]:
    value = ast.literal_eval(text)
    return (value,) if isinstance(value, int) else tuple(value)


def _nested(text: str) -> list[list[int]]:
    return [list(group) for group in ast.literal_eval(text)]


_PARSERS = {
    "text": str,
    "choice": str.strip,
    "integer": _integer,
    "number": _number,
    "list": _items,
    "tuple": _tuple,
    "nested": _nested,
}


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [part for item in value for part in _flat(item)]
    return [value]


def _allowed(rule: Rule, value: Any) -> bool:
    if "values" in rule:
        return value in rule["values"]
    if rule["type"] in ("text", "list"):
        return True
    return bool(
        rule.get("min", -math.inf) <= value <= rule.get("max", math.inf)
        and value > rule.get("above", -math.inf)
        and value < rule.get("below", math.inf)
    )


def _range(rule: Rule) -> str:
    if "values" in rule:
        return str(rule["values"])
    low = f"[{rule['min']}" if "min" in rule else f"({rule.get('above', '-inf')}"
    high = f"{rule['max']}]" if "max" in rule else f"{rule.get('below', '+inf')})"
    return f"{low}, {high}"


def _agree(values: dict[str, Any]) -> None:
    """What hyperparameters say of one another."""
    objective = values.get("objective", DEFAULT_OBJECTIVE)
    if objective.startswith("multi:") and "num_class" not in values:
        raise ClientError("Require input for parameter 'num_class' for multi-classification")
    if "objective" not in values and "num_class" in values:
        raise ClientError(
            "Do not need to setup parameter 'num_class' for learning task other than multi-classification."
        )
    for metric in values.get("eval_metric", ()):
        metrics.check(metric, objective)
    method = values.get("tree_method")
    if method == "gpu_hist" or values.get("use_dask_gpu_training") == "true":
        raise ClientError("Training on a GPU is not supported yet: choose another tree_method, such as 'hist'.")
    if "monotone_constraints" in values and method not in ("exact", "hist"):
        raise ClientError("monotone_constraints can be used only with tree_method 'exact' or 'hist'.")
    if "interaction_constraints" in values and method not in ("exact", "hist", "approx"):
        raise ClientError("interaction_constraints can be used only with tree_method 'exact', 'hist' or 'approx'.")
    if "_kfold" in values:
        raise ClientError("Hyperparameter _kfold: cross validation is not supported yet")

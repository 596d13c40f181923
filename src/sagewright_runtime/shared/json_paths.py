"""The JSONPath subset of InputFilter and OutputFilter.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html: ``$``, ``.name``, ``.*``,
``['a','b']``, ``[1,3]``, ``[-1]``, ``[2:5]``, ``[*]``.
"""

from __future__ import annotations

import re
from typing import Any

_STEP = re.compile(
    r"\.(?P<name>\w[\w-]*)"
    r"|(?P<all>\.\*|\[\*\])"
    r"|\[(?P<names>'[^']*'(?:\s*,\s*'[^']*')*)\]"
    r"|\[(?P<start>-?\d+)?:(?P<stop>-?\d+)?\]"
    r"|\[(?P<numbers>-?\d+(?:\s*,\s*-?\d+)*)\]"
)


class PathError(ValueError):
    """The text is no path of this subset, or leads nowhere in a record."""


class Path:
    """A parsed path. Raises ``PathError`` for one that is none."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._steps: list[re.Match[str]] = []
        position = 1
        while text.startswith("$") and position < len(text):
            step = _STEP.match(text, position)
            if step is None:
                break
            self._steps.append(step)
            position = step.end()
        if not text.startswith("$") or position < len(text):
            raise PathError(f"{text!r} is not a JSONPath that can be used here")

    def of(self, value: Any) -> Any:
        """What the path selects of ``value``: one thing, or for several a list (of names: an object).

        Raises ``PathError`` when something on the way is not there.
        """
        for step in self._steps:
            try:
                value = _taken(step, value)
            except (KeyError, IndexError, TypeError):
                raise PathError(f"{self._text} leads nowhere in this record") from None
        return value


def _taken(step: re.Match[str], value: Any) -> Any:
    if step["name"] is not None:
        return value[step["name"]]
    if step["all"]:
        return list(value.values()) if isinstance(value, dict) else list(value)
    if step["names"]:
        names = re.findall(r"'([^']*)'", step["names"])
        return value[names[0]] if len(names) == 1 else {name: value[name] for name in names}
    if not isinstance(value, list):
        raise TypeError("numbers select in lists alone")
    if step["numbers"]:
        numbers = [int(number) for number in step["numbers"].split(",")]
        return value[numbers[0]] if len(numbers) == 1 else [value[number] for number in numbers]
    return value[slice(*(None if step[end] is None else int(step[end]) for end in ("start", "stop")))]

"""Settings: variables, then what is given; wrong values are refused by the name of their variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.core.config import Settings


def test_what_is_given_wins_over_variables_and_these_over_defaults() -> None:
    env = {"SAGEWRIGHT_PORT": "0", "SAGEWRIGHT_EPHEMERAL": "yes", "SAGEWRIGHT_DATA_DIR": "~/x", "OTHER": "1"}
    made = Settings.from_env(env, port=7, host=None)
    assert (made.port, made.ephemeral, made.host) == (7, True, "127.0.0.1")
    assert made.data_dir == Path.home() / "x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("EPHEMERAL", "perhaps"),
        ("BACKEND", "docker"),
        ("DURABILITY", "none"),
        ("STOP_GRACE_SECONDS", "soon"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"SAGEWRIGHT_{name}"):
        Settings.from_env({f"SAGEWRIGHT_{name}": value})

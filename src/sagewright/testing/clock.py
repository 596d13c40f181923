"""A clock that advances only when a test moves it."""

from __future__ import annotations


class FakeClock:
    """Starts at ``at`` seconds since the epoch; ``pass_`` moves it on."""

    def __init__(self, at: float = 1_700_000_000.0) -> None:
        self._now = at

    def now(self) -> float:
        return self._now

    def pass_(self, seconds: float) -> None:
        """Let time go by."""
        self._now += seconds

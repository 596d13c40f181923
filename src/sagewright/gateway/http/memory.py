"""The memory that request bodies may take while they are gathered and handled: a share for each holder, and a sum.

All of it is the event loop's. Bodies of clients who are not proven yet have a bound of their own, far below the other:
anybody can send those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Bound: TypeAlias = tuple[int, int]
"""Bytes of all holders together, and of one."""


@dataclass(eq=False, slots=True)
class Reservation:
    """Bytes that one body may take. ``granted`` is called once, on the loop, where it had to wait for them."""

    holder: str
    size: int
    granted: Callable[[], None]
    held: bool = False
    proven: bool = False


class BodyMemory:
    """``unproven`` bounds the bodies of requests whose signature is not checked yet, ``all_bodies`` both kinds."""

    def __init__(self, unproven: Bound, all_bodies: Bound) -> None:
        self._bounds = (unproven, all_bodies)
        self._sums = [0, 0]
        self._held: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._waiting: list[Reservation] = []

    def reserve(self, holder: str, size: int, granted: Callable[[], None]) -> Reservation:
        """Room for ``size`` bytes: ``held`` at once, or ``granted`` is called later."""
        made = Reservation(holder, min(size, self._bounds[0][1]), granted)
        if self._fits(made) and not any(other.holder == holder for other in self._waiting):
            self._take(made)
        else:
            self._waiting.append(made)
        return made

    def grow(self, reservation: Reservation, size: int) -> bool:
        """Make room for ``size`` bytes more, at once or not at all."""
        more = Reservation(reservation.holder, size, reservation.granted)
        if not self._fits(more):
            return False
        self._take(more)
        reservation.size += size
        return True

    def prove(self, reservation: Reservation) -> None:
        """Its client is proven: it counts only to the larger bound."""
        if reservation.held and not reservation.proven:
            reservation.proven = True
            self._add(0, reservation.holder, -reservation.size)
            self._wake()

    def give_back(self, reservation: Reservation) -> None:
        """The body is gone, or is not wanted any more."""
        if not reservation.held:
            if reservation in self._waiting:
                self._waiting.remove(reservation)
            return
        reservation.held = False
        for level in range(reservation.proven, 2):
            self._add(level, reservation.holder, -reservation.size)
        self._wake()

    @property
    def waiting(self) -> frozenset[str]:
        """The holders that wait for room."""
        return frozenset(reservation.holder for reservation in self._waiting)

    def _fits(self, reservation: Reservation) -> bool:
        return all(
            self._sums[level] + reservation.size <= total
            and self._held[level].get(reservation.holder, 0) + reservation.size <= share
            for level, (total, share) in enumerate(self._bounds)
        )

    def _take(self, reservation: Reservation) -> None:
        reservation.held = True
        for level in range(2):
            self._add(level, reservation.holder, reservation.size)

    def _add(self, level: int, holder: str, size: int) -> None:
        self._sums[level] += size
        held = self._held[level].get(holder, 0) + size
        if held:
            self._held[level][holder] = held
        else:
            self._held[level].pop(holder, None)

    def _wake(self) -> None:
        """Grant what fits now, in order; a holder's own order holds, and nobody waits for another's share."""
        passed: set[str] = set()
        granted = []
        for reservation in self._waiting:
            if reservation.holder not in passed and self._fits(reservation):
                self._take(reservation)
                granted.append(reservation)
            else:
                passed.add(reservation.holder)
        if granted:
            self._waiting = [each for each in self._waiting if not each.held]
        for reservation in granted:
            reservation.granted()

"""Schedules in the syntax of EventBridge: ``cron(…)``, ``rate(…)`` and ``at(…)``, in a time zone.

cron has six fields (minutes, hours, day of month, month, day of week, year). Sunday is day 1, and exactly one of the
two day fields is ``?``. A wall time that a change of clocks leaves out is skipped; one that comes twice counts once,
the first time. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html

It is our own code because the libraries for AWS's syntax give up on rare dates, and those for Unix cron lack ``W``,
years or ``?``.
"""

from __future__ import annotations

import calendar
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_LAST = datetime(2200, 1, 2, tzinfo=UTC).timestamp()
_FORM = re.compile(r"(cron|rate|at)\((.*)\)", re.DOTALL)
_RATE = re.compile(r"([0-9]{1,9}) (minute|hour|day)(s?)")
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class Schedule(ABC):
    """When something is due. Times are seconds since the epoch."""

    @staticmethod
    def parse(text: str, timezone: str = "UTC") -> Schedule:
        """Read a schedule expression. Raises ``ValueError`` that names the field that is wrong."""
        zone = _zone(timezone)
        form = _FORM.fullmatch(text)
        if form is None:
            raise ValueError(f"expression {text!r} is none of cron(…), rate(…) and at(…)")
        kind, inner = form.groups()
        if kind == "cron":
            return _cron(inner, zone)
        return _rate(inner) if kind == "rate" else _at(inner, zone)

    @abstractmethod
    def next(self, after: float, start: float | None = None) -> float | None:
        """The first time after ``after``; None when none comes.

        A rate is counted from ``start``, which is a time itself; without it from ``after``.
        """


@dataclass(frozen=True)
class Rate(Schedule):
    """Every ``seconds``."""

    seconds: int

    def next(self, after: float, start: float | None = None) -> float | None:
        if start is None:
            return after + self.seconds
        if after < start:
            return start
        return start + (int((after - start) // self.seconds) + 1) * self.seconds


@dataclass(frozen=True)
class At(Schedule):
    """Once."""

    moment: float

    def next(self, after: float, start: float | None = None) -> float | None:  # noqa: ARG002 - a rate counts from it
        return self.moment if self.moment > after else None


class _Values(NamedTuple):
    """What a field allows: plain values, and the words that need a month to mean a day."""

    plain: frozenset[int]
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cron(Schedule):
    """Six fields, in the wall time of ``zone``."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days_of_month: _Values | None
    months: frozenset[int]
    days_of_week: _Values | None
    years: frozenset[int]
    zone: ZoneInfo

    def next(self, after: float, start: float | None = None) -> float | None:  # noqa: ARG002 - a rate counts from it
        if after >= _LAST:
            return None
        # From a little earlier, for clocks that are set back show a time that was before.
        wall = datetime.fromtimestamp(max(after, 0.0), self.zone).replace(tzinfo=None, fold=0)
        for candidate in self._walls(wall - timedelta(hours=3)):
            moment = _moment(candidate, self.zone)
            if moment is not None and moment > after:
                return moment
        return None

    def _walls(self, first: datetime) -> Iterator[datetime]:
        """All wall times from ``first`` on, in order."""
        for year in sorted(year for year in self.years if year >= first.year):
            for month in sorted(self.months):
                if (year, month) < (first.year, first.month):
                    continue
                for day in self._days(year, month):
                    if datetime(year, month, day).date() < first.date():
                        continue
                    for hour in sorted(self.hours):
                        for minute in sorted(self.minutes):
                            wall = datetime(year, month, day, hour, minute)
                            if wall >= first:
                                yield wall

    def _days(self, year: int, month: int) -> list[int]:
        last = calendar.monthrange(year, month)[1]
        found: set[int] = set()
        if self.days_of_month is not None:
            found = {day for day in self.days_of_month.plain if day <= last}
            found.update(filter(None, (_month_day(word, year, month) for word in self.days_of_month.words)))
        elif self.days_of_week is not None:
            found = {day for day in range(1, last + 1) if _weekday(year, month, day) in self.days_of_week.plain}
            found.update(filter(None, (_week_day(word, year, month) for word in self.days_of_week.words)))
        return sorted(found)


def _weekday(year: int, month: int, day: int) -> int:
    """1 for Sunday to 7 for Saturday."""
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


def _month_day(word: str, year: int, month: int) -> int | None:
    """The day that ``L``, ``L-3``, ``LW`` or ``15W`` means in a month; None where there is none."""
    last = calendar.monthrange(year, month)[1]
    if word.startswith("L") and word != "LW":
        day = last - int(word[2:] or 0)
        return day if day >= 1 else None
    day = last if word == "LW" else int(word[:-1])
    if day > last:
        return None
    near = (day + offset for offset in (0, -1, 1, -2, 2) if 1 <= day + offset <= last)
    return next(each for each in near if calendar.weekday(year, month, each) < 5)


def _week_day(word: str, year: int, month: int) -> int | None:
    """The day that ``6L`` or ``2#1`` means in a month; None where there is none."""
    last = calendar.monthrange(year, month)[1]
    if word.endswith("L"):
        return next(day for day in range(last, 0, -1) if _weekday(year, month, day) == int(word[:-1]))
    wanted, number = map(int, word.split("#"))
    days = [day for day in range(1, last + 1) if _weekday(year, month, day) == wanted]
    return days[number - 1] if number <= len(days) else None


def _moment(wall: datetime, zone: ZoneInfo) -> float | None:
    """Seconds since the epoch of a wall time, the first of two; None when clocks leave it out."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    there = moment.astimezone(zone).replace(tzinfo=None, fold=0) == wall
    return moment.timestamp() if there else None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> ZoneInfo:
    if name not in _zones():
        raise ValueError(f"timezone {name!r} is not a name of the IANA time zone database")
    return ZoneInfo(name)


def _rate(text: str) -> Rate:
    form = _RATE.fullmatch(text)
    if form is None:
        raise ValueError(f"rate {text!r} is not a number and one of minutes, hours and days")
    value, unit, plural = int(form[1]), form[2], bool(form[3])
    if value < 1 or plural != (value > 1):
        raise ValueError(f"rate {text!r} needs a positive number, and a plural for all but 1")
    return Rate(value * UNITS[unit])


def _at(text: str, zone: ZoneInfo) -> At:
    try:
        wall = datetime.fromisoformat(text) if _AT.fullmatch(text) else None
    except ValueError:
        wall = None
    if wall is None or wall.year < 1970:
        raise ValueError(f"at {text!r} is not a time such as 2030-11-20T13:00:00")
    return At(wall.replace(tzinfo=zone).timestamp())


def _cron(text: str, zone: ZoneInfo) -> Cron:
    fields = text.split(" ")
    if len(fields) != 6:
        raise ValueError(f"cron has six fields, {text!r} has {len(fields)}")
    minutes, hours, month_days, months, week_days, years = fields
    if (month_days == "?") == (week_days == "?"):
        raise ValueError("day-of-month and day-of-week: exactly one of the two has to be ?")
    return Cron(
        minutes=_values("minutes", minutes, 0, 59).plain,
        hours=_values("hours", hours, 0, 23).plain,
        days_of_month=None if month_days == "?" else _values("day-of-month", month_days, 1, 31),
        months=_values("month", months, 1, 12).plain,
        days_of_week=None if week_days == "?" else _values("day-of-week", week_days, 1, 7),
        years=_values("year", years, 1970, 2199).plain,
        zone=zone,
    )


_NAMES = {"month": _MONTHS, "day-of-week": _DAYS}
_WORDS = {
    "day-of-month": re.compile(r"L|LW|L-([1-9]|[12]\d|30)|([1-9]|0[1-9]|[12]\d|3[01])W"),
    "day-of-week": re.compile(r"[1-7]L|[1-7]#[1-5]"),
}


def _values(field: str, text: str, low: int, high: int) -> _Values:
    """What a field's text allows. Raises ``ValueError`` that names the field."""
    plain: set[int] = set()
    words: list[str] = []
    for part in text.upper().split(","):
        numeric = re.sub("[A-Z]{3}", lambda name: str(_NAMES.get(field, {}).get(name[0], name[0])), part)
        if field == "day-of-week" and numeric == "L":
            numeric = "7"
        if field in _WORDS and _WORDS[field].fullmatch(numeric):
            words.append(numeric)
        else:
            plain.update(_range(field, part, numeric, (low, high)))
    return _Values(frozenset(plain), tuple(words))


_PART = re.compile(r"(?:(\*)|(\d{1,4})(?:-(\d{1,4}))?)(?:/(\d{1,4}))?")


def _range(field: str, part: str, numeric: str, bounds: tuple[int, int]) -> Iterator[int]:
    """The values of ``*``, ``5``, ``1-5``, ``0/10``. A range whose end is before its begin goes round the end."""
    form = _PART.fullmatch(numeric)
    low, high = bounds
    if form is None:
        raise ValueError(f"{field} {part!r} is not understood")
    whole, first, last, step = form.groups()
    start = low if whole else int(first)
    end = int(last) if last else high if whole or step else start
    if not (low <= start <= high and low <= end <= high):
        raise ValueError(f"{field} {part!r} is not within {low} to {high}")
    if step is not None and not 1 <= int(step) <= high:
        raise ValueError(f"{field} {part!r} has a step that is not within 1 to {high}")
    if end < start and field == "year":
        raise ValueError(f"{field} {part!r} ends before it begins")
    length = (end - start) % (high - low + 1)
    return (low + (start - low + offset) % (high - low + 1) for offset in range(0, length + 1, int(step or 1)))

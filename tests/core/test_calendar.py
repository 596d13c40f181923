"""Schedules against hand-made tables, and what holds for every one of them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.core.calendar import Schedule

START = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


def times(text: str, count: int, zone: str = "UTC", after: str = "2024-01-01T00:00") -> list[str]:
    """The first times of a schedule as wall times."""
    schedule = Schedule.parse(text, zone)
    moment: float | None = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone)).timestamp()
    found = []
    for _ in range(count):
        assert moment is not None
        moment = schedule.next(moment)
        found.append("" if moment is None else f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%Y-%m-%dT%H:%M}")
        if moment is None:
            break
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(0 10 * * ? *)", ["2024-01-01T10:00", "2024-01-02T10:00"]),
        ("cron(15 12 * * ? *)", ["2024-01-01T12:15", "2024-01-02T12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2024-01-01T18:00", "2024-01-02T18:00"]),
        ("cron(0 8 1 * ? *)", ["2024-01-01T08:00", "2024-02-01T08:00"]),
        ("cron(0/15 * * * ? *)", ["2024-01-01T00:15", "2024-01-01T00:30"]),
        ("cron(0/10 * ? * MON-FRI *)", ["2024-01-01T00:10", "2024-01-01T00:20"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["2024-01-01T08:00", "2024-01-01T08:05"]),
        ("cron(0/30 20-2 ? * MON-FRI *)", ["2024-01-01T00:30", "2024-01-01T01:00"]),
        ("cron(0 9 ? * 2#1 *)", ["2024-01-01T09:00", "2024-02-05T09:00"]),
        ("cron(15 10 ? * 6L 2022-2025)", ["2024-01-26T10:15", "2024-02-23T10:15"]),
        ("cron(0 0 ? * FRI-MON *)", ["2024-01-05T00:00", "2024-01-06T00:00", "2024-01-07T00:00", "2024-01-08T00:00"]),
        ("cron(0 0 ? * 3#1,6#3 *)", ["2024-01-02T00:00", "2024-01-19T00:00", "2024-02-06T00:00"]),
        ("cron(0 0 L * ? *)", ["2024-01-31T00:00", "2024-02-29T00:00"]),
        ("cron(0 0 L-3 * ? *)", ["2024-01-28T00:00", "2024-02-26T00:00"]),
        ("cron(0 0 LW * ? *)", ["2024-01-31T00:00", "2024-02-29T00:00", "2024-03-29T00:00"]),
        ("cron(0 0 1W * ? *)", ["2024-02-01T00:00", "2024-03-01T00:00"]),
        ("cron(0 0 1W 6 ? *)", ["2024-06-03T00:00", "2025-06-02T00:00"]),
        ("cron(0 0 15W 6 ? *)", ["2024-06-14T00:00", "2025-06-16T00:00"]),
        ("cron(0 0 1,L * ? *)", ["2024-01-31T00:00", "2024-02-01T00:00"]),
        ("cron(0 0 29 2 ? *)", ["2024-02-29T00:00", "2028-02-29T00:00"]),
        ("cron(0 0 ? FEB 2#5 *)", ["2044-02-29T00:00", "2072-02-29T00:00"]),
        ("cron(0 0 1 1 ? 2025/10)", ["2025-01-01T00:00", "2035-01-01T00:00"]),
        ("cron(0 0 31 2 ? *)", [""]),
        ("cron(0 0 * * ? 2023)", [""]),
        ("rate(1 minute)", ["2024-01-01T00:01", "2024-01-01T00:02"]),
        ("rate(12 hours)", ["2024-01-01T12:00", "2024-01-02T00:00"]),
        ("rate(7 days)", ["2024-01-08T00:00", "2024-01-15T00:00"]),
        ("at(2024-11-20T13:00:00)", ["2024-11-20T13:00", ""]),
    ],
)
def test_a_schedule_comes_when_the_table_says(text: str, expected: list[str]) -> None:
    assert times(text, len(expected)) == expected


def test_a_time_that_the_clocks_leave_out_is_skipped() -> None:
    assert times("cron(30 2 * * ? *)", 2, "America/New_York", "2024-03-09T03:00") == [
        "2024-03-11T02:30",
        "2024-03-12T02:30",
    ]


def test_a_time_that_comes_twice_counts_once() -> None:
    assert times("cron(30 1 * * ? *)", 2, "America/New_York", "2024-11-02T02:00") == [
        "2024-11-03T01:30",
        "2024-11-04T01:30",
    ]
    assert times("cron(0 * * * ? *)", 3, "America/New_York", "2024-11-03T00:30") == [
        "2024-11-03T01:00",
        "2024-11-03T02:00",
        "2024-11-03T03:00",
    ]


def test_a_time_zone_is_that_of_the_expression() -> None:
    schedule = Schedule.parse("at(2024-07-01T09:00:00)", "Europe/Berlin")
    assert schedule.next(START) == datetime(2024, 7, 1, 7, tzinfo=UTC).timestamp()


def test_a_rate_is_counted_from_its_start() -> None:
    schedule = Schedule.parse("rate(5 minutes)")
    assert schedule.next(START - 1, START) == START
    assert schedule.next(START, START) == START + 300
    assert schedule.next(START + 3601, START) == START + 3900


@pytest.mark.parametrize(
    ("text", "zone", "word"),
    [
        ("cron(60 0 * * ? *)", "UTC", "minutes"),
        ("cron(0/0 0 * * ? *)", "UTC", "minutes"),
        ("cron(0 24 * * ? *)", "UTC", "hours"),
        ("cron(0 0 32 * ? *)", "UTC", "day-of-month"),
        ("cron(0 0 0W * ? *)", "UTC", "day-of-month"),
        ("cron(0 0 * 13 ? *)", "UTC", "month"),
        ("cron(0 0 * FOO ? *)", "UTC", "month"),
        ("cron(0 0 ? * 8 *)", "UTC", "day-of-week"),
        ("cron(0 0 ? * 2#6 *)", "UTC", "day-of-week"),
        ("cron(0 0 * * ? 1969)", "UTC", "year"),
        ("cron(0 0 * * ? 2030-2020)", "UTC", "year"),
        ("cron(0 0 * * * *)", "UTC", "day-of-week"),
        ("cron(0 0 ? * ? *)", "UTC", "day-of-week"),
        ("cron(0 0 * * ?)", "UTC", "six fields"),
        ("cron(0  0 * * ? *)", "UTC", "six fields"),
        ("rate(5 minute)", "UTC", "rate"),
        ("rate(1 minutes)", "UTC", "rate"),
        ("rate(0 minutes)", "UTC", "rate"),
        ("rate(5 weeks)", "UTC", "rate"),
        ("at(2024-13-01T00:00:00)", "UTC", "at"),
        ("at(2024-01-01)", "UTC", "at"),
        ("at(2024-01-01T00:00:00Z)", "UTC", "at"),
        ("hourly", "UTC", "expression"),
        ("cron(0 0 * * ? *)", "Mars/Olympus", "timezone"),
        ("cron(0 0 * * ? *)", "../etc/passwd", "timezone"),
    ],
)
def test_what_is_wrong_is_named(text: str, zone: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Schedule.parse(text, zone)


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    step = st.integers(1, high).map(str)
    part = st.one_of(
        st.just("*"), number, st.tuples(number, number).map("-".join), st.tuples(number, step).map("/".join)
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


DAYS = st.one_of(
    st.tuples(_field(1, 31) | st.sampled_from(["L", "LW", "15W", "L-5"]), st.just("?")),
    st.tuples(st.just("?"), _field(1, 7) | st.sampled_from(["6L", "L", "2#1", "MON-FRI"])),
)


@given(
    _field(0, 59),
    _field(0, 23),
    DAYS,
    _field(1, 12),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "America/St_Johns"]),
    st.floats(0, 4e9),
)
def test_the_next_time_is_later_and_nothing_lies_between(
    minutes: str, hours: str, days: tuple[str, str], months: str, zone: str, after: float
) -> None:
    schedule = Schedule.parse(f"cron({minutes} {hours} {days[0]} {months} {days[1]} *)", zone)
    following = schedule.next(after)
    if following is None:
        return
    assert following > after
    assert following % 60 == 0
    assert schedule.next(following - 0.001) == following
    assert schedule.next((after + following) / 2) == following


@given(st.text(alphabet="cronrateat()0123456789 ?*/,-LW#MONJAN", max_size=40))
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    for whole in (text, f"cron({text})", f"rate({text})", f"at({text})"):
        try:
            Schedule.parse(whole).next(START)
        except ValueError:
            continue

"""Rules with schedules, with a clock that the test moves."""

from __future__ import annotations

from tests.kit.triggers import START, RuleBench


def test_a_rule_with_a_schedule_makes_events_of_its_own(bench: RuleBench) -> None:
    bench.rule("hourly", EventPattern="", ScheduleExpression="cron(0 * * * ? *)")
    bench.look()
    for _ in range(150):
        bench.clock.pass_(60.0)
        bench.look()
    assert len(bench.calls.made) == 2
    bench.clock.pass_(6 * 3600.0)
    bench.look()
    assert len(bench.calls.made) == 3


def test_a_rate_of_a_rule_is_counted_from_when_it_was_put(bench: RuleBench) -> None:
    rule = bench.rule("often", EventPattern="", ScheduleExpression="rate(1 hour)")
    bench.look()
    assert bench.calls.made == []
    for _ in range(61):
        bench.clock.pass_(60.0)
        bench.look()
    assert len(bench.calls.made) == 1
    row = bench.store.by_id(rule.id)
    assert row is not None
    bench.store.update(row, spec={**row.spec, "State": "DISABLED"}, due=START)
    bench.look()
    bench.clock.pass_(7200.0)
    bench.look()
    assert len(bench.calls.made) == 1

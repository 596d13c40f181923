"""What a tuning job does next, as tables; and whole tuning jobs, whose server is killed at each step."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from tests.kit.tuning import CREATED, MIXED, SMALL, child, tuning_job

from sagewright.domain.tuning.completion import Criteria
from sagewright.domain.tuning.decision import HOPELESS, Decision, TuningPhase, decide
from sagewright.domain.tuning.job import Child, Definition, Goal, Limits, Phase, TuningJob
from sagewright.domain.tuning.ranges import Categorical, Space
from sagewright.domain.tuning.strategies import Strategy

NOW = CREATED + 60
DONE, FAILED, RUNNING, STOPPING, STOPPED = (
    Phase.COMPLETED, Phase.FAILED, Phase.RUNNING, Phase.STOPPING, Phase.STOPPED
)  # fmt: skip


def numbers(decision: Decision) -> list[int]:
    return [each.number for each in decision.create]


@pytest.mark.parametrize(
    ("children", "created", "phase"),
    [
        ([], [1, 2], TuningPhase.RUNNING),
        ([child(1, RUNNING)], [2], TuningPhase.RUNNING),
        ([child(1, RUNNING), child(2, RUNNING)], [], TuningPhase.RUNNING),
        ([child(1, RUNNING), child(2, STOPPING)], [], TuningPhase.RUNNING),
        ([child(1, DONE, 1.0), child(2, RUNNING)], [3], TuningPhase.RUNNING),
        ([child(1, DONE, 1.0), child(2, FAILED), child(3, STOPPED)], [4, 5], TuningPhase.RUNNING),
        ([child(n, DONE, 1.0) for n in range(1, 6)], [6], TuningPhase.RUNNING),
        ([child(n, DONE, 1.0) for n in range(1, 6)] + [child(6, RUNNING)], [], TuningPhase.RUNNING),
        ([child(n, DONE, 1.0) for n in range(1, 7)], [], TuningPhase.COMPLETED),
        ([child(n, FAILED) for n in range(1, 4)] + [child(4, DONE, 1.0), child(5, FAILED), child(6, FAILED)], [],
         TuningPhase.COMPLETED),
        ([child(2, RUNNING)], [3], TuningPhase.RUNNING),
    ],
    ids=[
        "the first", "one place free", "no place free", "a place is free when its job has ended", "one ended",
        "failed and stopped ones count", "one is left", "the last one runs", "all done", "most failed",
        "a number is not given again",
    ],
)  # fmt: skip
def test_training_jobs_are_made_within_the_limits(
    children: list[Child], created: list[int], phase: TuningPhase
) -> None:
    decision = decide(tuning_job(), children, NOW)
    assert (numbers(decision), decision.phase, decision.stop) == (created, phase, ())


STOP_ME = replace(tuning_job(), stopping=True)
REFUSED = replace(tuning_job(), refused="AccessDenied: the role may not create it")
GOOD_ENOUGH = tuning_job(criteria=Criteria(target=0.5))
TIMED = tuning_job(limits=Limits(6, 2, runtime=60.0))
IDLE = tuning_job(criteria=Criteria(not_improving=3), limits=Limits(50, 2))
CONVERGING = tuning_job(criteria=Criteria(on_convergence=True), limits=Limits(50, 2))
TWENTY = [child(n, DONE, 1.0) for n in range(1, 21)]


@pytest.mark.parametrize(
    ("job", "ended", "last", "reason"),
    [
        (STOP_ME, [], TuningPhase.STOPPED, None),
        (STOP_ME, [child(1, DONE, 0.1)], TuningPhase.STOPPED, None),
        (REFUSED, [], TuningPhase.FAILED, "may not create it"),
        (GOOD_ENOUGH, [child(1, DONE, 0.5)], TuningPhase.COMPLETED, "target"),
        (TIMED, [child(1, DONE, 0.5)], TuningPhase.STOPPED, "MaxRuntimeInSeconds"),
        (IDLE, [child(n, DONE, 1.0) for n in range(1, 5)], TuningPhase.COMPLETED, "3 training jobs in a row"),
        (CONVERGING, TWENTY, TuningPhase.COMPLETED, "converged"),
        (tuning_job(limits=Limits(50, 2)), [child(n, FAILED) for n in range(1, 6)], TuningPhase.FAILED, "all 5"),
        (tuning_job(limits=Limits(50, 2)), [child(n, DONE) for n in range(1, 6)], TuningPhase.FAILED, "objective"),
        (tuning_job(limits=Limits(50, 2)), [child(n, DONE, math.nan) for n in range(1, 6)], TuningPhase.FAILED,
         "objective"),
    ],
    ids=["stop", "stop with a result", "refused", "target", "runtime", "not improving", "converged", "all fail",
         "no objective", "objective is no number"],
)  # fmt: skip
def test_an_end_stops_what_runs_and_waits_for_it(
    job: TuningJob, ended: list[Child], last: TuningPhase, reason: str | None
) -> None:
    running = [child(51, RUNNING), child(52, STOPPING)]
    first = decide(job, [*ended, *running], NOW)
    assert first.create == ()
    assert first.stop == (running[0].name,)
    assert first.phase is (TuningPhase.STOPPING if job.stopping else TuningPhase.RUNNING)
    assert decide(job, [*ended, running[1]], NOW).stop == ()
    final = decide(job, [*ended, *(replace(each, phase=STOPPED, ended=NOW) for each in running)], NOW)
    assert (final.phase, final.create, final.stop) == (last, (), ())
    assert final.reason is None if reason is None else reason in str(final.reason)


@pytest.mark.parametrize("count", range(1, HOPELESS + 2))
def test_a_tuning_job_whose_training_jobs_all_fail_fails(count: int) -> None:
    job = tuning_job(limits=Limits(count, count))
    decision = decide(job, [child(n, FAILED) for n in range(1, count + 1)], NOW)
    assert decision.phase is TuningPhase.FAILED
    assert f"all {min(count, HOPELESS)} that ended failed" in str(decision.reason)


def test_an_end_stays_though_a_job_that_was_to_be_stopped_succeeds() -> None:
    children = [child(n, DONE, 1.0) for n in range(1, 5)] + [child(5, DONE, 0.1)]
    assert decide(IDLE, children, NOW).phase is TuningPhase.COMPLETED
    failing = [child(n, FAILED) for n in range(1, 6)] + [child(6, DONE, 0.1)]
    assert decide(tuning_job(limits=Limits(50, 2)), failing, NOW).phase is TuningPhase.FAILED


def test_the_time_of_a_job_is_looked_at_when_it_is_up() -> None:
    assert decide(TIMED, [], NOW - 1).look_again == NOW
    assert decide(TIMED, [], NOW).look_again is None
    assert decide(tuning_job(), [], NOW).look_again is None


def test_what_describe_shows() -> None:
    children = [child(1, DONE, 0.4), child(2, DONE, 0.3), child(3, FAILED), child(4, DONE, 0.3), child(5, RUNNING, 0.1)]
    decision = decide(tuning_job(), children, NOW)
    assert decision.best == children[1].name
    assert decision.not_improving == 1
    assert (decision.counters.completed, decision.counters.non_retryable_error) == (3, 1)
    assert decide(CONVERGING, TWENTY, NOW).converged == CREATED + 20


def test_results_count_in_the_order_in_which_they_came() -> None:
    children = [replace(child(n, DONE, value), ended=NOW - n) for n, value in enumerate([0.1, 0.5, 0.9], 1)]
    assert decide(tuning_job(), children, NOW).not_improving == 0
    assert decide(tuning_job(goal=Goal.MAXIMIZE), children, NOW).not_improving == 2


def test_a_maximised_objective_is_stopped_when_it_is_low() -> None:
    good = [child(n, DONE, 0.9, curve=[0.8, 0.9]) for n in range(1, 5)]
    low, high = child(5, RUNNING, curve=[0.5, 0.5]), child(6, RUNNING, curve=[0.5, 0.9])
    job = tuning_job(goal=Goal.MAXIMIZE, early_stopping=True)
    assert decide(job, [*good, low, high], NOW).stop == (low.name,)
    assert decide(tuning_job(goal=Goal.MAXIMIZE), [*good, low, high], NOW).stop == ()
    assert decide(job, [*good, replace(low, phase=STOPPING), high], NOW).stop == ()


def test_definitions_take_turns_until_they_have_no_points_left() -> None:
    job = tuning_job(definitions=2, limits=Limits(10, 5))
    small = Definition("small", "loss", Goal.MINIMIZE, Space((Categorical("c", ("a", "b")),)))
    job = replace(job, plan=replace(job.plan, definitions=(job.plan.definitions[0], small)))
    made = decide(job, [], NOW).create
    assert [(each.number, each.definition) for each in made] == [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0)]
    children = [Child(each.name, each.number, each.definition, each.point, DONE, 1.0, (), NOW) for each in made]
    assert [each.definition for each in decide(job, children, NOW).create] == [0] * 5


@dataclass
class World:
    """Carries decisions out in a random order, forgets some of them, and asks again at each step."""

    job: TuningJob
    source: random.Random
    children: list[Child] = field(default_factory=list)

    def run(self) -> Decision:
        for _ in range(10_000):
            decision = decide(self.job, self.children, NOW)
            assert decide(self.job, self.children, NOW) == decision
            if decision.phase not in (TuningPhase.RUNNING, TuningPhase.STOPPING):
                return decision
            carried_out = self.source.randint(0, len(decision.create))
            for each in decision.create[:carried_out]:
                self.children.append(Child(each.name, each.number, each.definition, each.point, RUNNING))
            assert sum(not each.phase.ended for each in self.children) <= self.job.plan.limits.parallel
            if carried_out == len(decision.create):
                self.end_one()
        raise AssertionError("the tuning job does not end")

    def end_one(self) -> None:
        running = [index for index, each in enumerate(self.children) if not each.phase.ended]
        if running:
            index = self.source.choice(running)
            result = self.source.choice([None, math.nan, self.source.random(), self.source.random()])
            phase = self.source.choice([DONE, DONE, DONE, FAILED, STOPPED])
            self.children[index] = replace(
                self.children[index], phase=phase, objective=result, ended=NOW + len(self.children)
            )


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("seed", range(4))
def test_no_training_job_is_made_twice_and_none_is_lost(strategy: Strategy, seed: int) -> None:
    space = SMALL if strategy is Strategy.GRID else MIXED
    job = tuning_job(strategy=strategy, space=space, limits=Limits(6 if strategy is Strategy.GRID else 15, 4))
    world = World(job, random.Random(seed))
    world.run()
    names = [each.name for each in world.children]
    assert len(set(names)) == len(names)
    points = [space.key(each.point) for each in world.children]
    assert len(set(points)) == len(points)
    hopeless = not any(each.result is not None for each in world.children)
    assert len(world.children) == job.plan.limits.jobs or hopeless
    assert sorted(each.number for each in world.children) == list(range(1, len(names) + 1))


@pytest.mark.parametrize("strategy", [Strategy.RANDOM, Strategy.BAYESIAN])
def test_what_a_kill_left_undone_is_done_the_same_way(strategy: Strategy) -> None:
    job = tuning_job(strategy=strategy, definitions=2, limits=Limits(40, 6))
    before: Sequence[Child] = [child(n, DONE, 1 / n, definition=n % 2) for n in range(1, 21)]
    wanted = decide(job, before, NOW).create
    assert len(wanted) == 6
    for carried_out in range(7):
        there = [Child(each.name, each.number, each.definition, each.point, RUNNING) for each in wanted[:carried_out]]
        assert decide(job, [*before, *there], NOW).create == wanted[carried_out:]

"""Resources: names are unique, pages are exact, and only the holder of a lease may write phases."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kit.databases import empty

from sagewright.store.database import Database
from sagewright.store.events import Event, EventStore
from sagewright.store.resources import AlreadyExists, Change, Query, Resource, ResourceStore, Stale
from sagewright.store.tags import TagStore
from sagewright.testing.clock import FakeClock

ACCOUNT, REGION, KIND = "123456789012", "us-east-1", "TrainingJob"


class World:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        self.store = ResourceStore(self.database, self.clock)

    def make(self, name: str, **more: object) -> Resource:
        return self.store.create(
            account=ACCOUNT, region=REGION, kind=KIND, name=name, arn=f"arn:{name}", spec={"n": name}, **more
        )


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def test_a_resource_comes_back_as_it_was_written(world: World) -> None:
    made = world.make(
        "a", status={"x": [1, {"y": None}]}, tag_set={"team": "churn"}, events=[Event(5.0, "Starting", "m")]
    )
    assert world.store.get(ACCOUNT, REGION, KIND, "a") == made
    assert world.store.by_arn("arn:a") == made
    assert world.store.by_id(made.id) == made
    assert TagStore(world.database).of("arn:a") == {"team": "churn"}
    assert EventStore(world.database).of(made.id) == [Event(5.0, "Starting", "m")]


def test_a_name_is_taken_once_however_many_ask(world: World) -> None:
    outcomes: list[str] = []

    def race() -> None:
        try:
            outcomes.append(world.make("same").id)
        except AlreadyExists as error:
            outcomes.append(f"taken by {error.existing.id}")

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [each for each in outcomes if not each.startswith("taken")]
    assert len(won) == 1
    assert outcomes.count(f"taken by {won[0]}") == 7


class Interrupted(ResourceStore):
    """Between a create that finds the name taken and its look at who has it, another client deletes and creates."""

    def get(self, account: str, region: str, kind: str, name: str) -> Resource | None:
        found = super().get(account, region, kind, name)
        if found is not None and self.rounds:
            self.rounds -= 1
            other = ResourceStore(self._database, self._clock)
            other.delete(found)
            self.comes_back = lambda: other.create(
                account=account, region=region, kind=kind, name=name, arn=found.arn, spec={}
            )
            return None
        return found

    def by_arn(self, arn: str) -> Resource | None:
        found = super().by_arn(arn)
        if found is None:
            self.comes_back()
        return found

    rounds = 3


def test_a_name_that_comes_and_goes_is_found_taken(world: World) -> None:
    world.make("a")
    store = Interrupted(world.database, world.clock)
    with pytest.raises(AlreadyExists):
        store.create(account=ACCOUNT, region=REGION, kind=KIND, name="a", arn="arn:a", spec={})
    assert store.rounds == 0


def test_a_write_on_an_old_version_is_refused(world: World) -> None:
    old = world.make("a")
    world.store.update(old, wish=({"word": "stopped"}, "stopping"))
    with pytest.raises(Stale):
        world.store.update(old, wish=({"word": "gone"}, "deleting"))


def test_deleting_takes_tags_and_events_along(world: World) -> None:
    made = world.make("a", tag_set={"k": "v"}, events=[Event(1.0, "Starting")])
    world.store.delete(made)
    world.store.delete(made)
    assert world.store.get(ACCOUNT, REGION, KIND, "a") is None
    assert TagStore(world.database).of("arn:a") == {}
    assert EventStore(world.database).of(made.id) == []


@given(
    names=st.lists(st.from_regex(r"[a-zA-Z0-9%_-]{1,6}", fullmatch=True), unique_by=str, max_size=25),
    size=st.integers(1, 7),
    descending=st.booleans(),
    order=st.sampled_from(["name", "created", "modified", "shown"]),
    ranks=st.sampled_from([(), (("ready", 1), ("failed", 2)), (("failed", 1), ("ready", 2))]),
    part=st.sampled_from(["", "a", "%", "_", "A-"]),
)
def test_pages_hold_every_match_once_in_order(  # noqa: PLR0917 - hypothesis draws each
    shared_database: Database,
    names: list[str],
    size: int,
    descending: bool,
    order: str,
    ranks: tuple[tuple[str, int], ...],
    part: str,
) -> None:
    empty(shared_database)
    world = World(shared_database)
    for index, name in enumerate(names):
        world.clock.pass_(index % 3)  # some created at the same moment
        world.make(name, phase="ready" if index % 2 else "failed")
    seen: list[Resource] = []
    after = None
    ranks = ranks if order == "shown" else ()

    def place(resource: Resource) -> object:
        return dict(ranks)[resource.shown] if ranks else getattr(resource, order)

    while True:
        query = Query(name_contains=part, order=order, ranks=ranks, descending=descending, after=after, limit=size)  # type: ignore[arg-type]
        page = world.store.list(ACCOUNT, REGION, KIND, query)
        seen += page
        if len(page) < size:
            break
        after = (place(page[-1]), page[-1].name)
    assert {each.name for each in seen} == {name for name in names if part.lower() in name.lower()}
    keys = [(place(each), each.name) for each in seen]
    assert keys == sorted(keys, reverse=descending)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("wish", "phase", "granted", "shown"),
    [
        (({"word": "stopped"}, "stopping"), "running", None, "stopping"),
        (({"word": "stopped"}, "stopping"), "succeeded", None, "succeeded"),
        (({"word": "gone"}, "deleting"), "failed", None, "deleting"),
        (({"word": "updated", "id": "1"}, "updating"), "ready", None, "updating"),
        (({"word": "updated", "id": "1"}, "updating"), "ready", {"word": "updated", "id": "1"}, "ready"),
        (({"word": "unheard-of"}, "running"), "ready", None, "running"),
    ],
)
def test_a_wish_shows_until_it_is_granted_or_the_work_has_ended(
    world: World, wish: tuple[dict[str, str], str], phase: str, granted: dict[str, str] | None, shown: str
) -> None:
    made = world.make("a", phase="running", due=0.0)
    assert made.shown == "running"
    assert world.store.update(made, wish=wish).shown == wish[1]
    leased = world.store.lease("one", made.id, seconds=10)
    assert leased is not None
    change = Change(due=None, phase=phase, run={"granted": granted} if granted else {})
    applied = world.store.apply("one", leased, change)
    assert applied is not None
    assert applied.shown == shown
    assert [each.name for each in world.store.list(ACCOUNT, REGION, KIND, Query(shown=frozenset({shown})))] == ["a"]
    assert world.store.list(ACCOUNT, REGION, KIND, Query(shown=frozenset({"another"}))) == []


def test_one_lease_at_a_time_and_a_lost_one_writes_nothing(world: World) -> None:
    made = world.make("a", due=0.0)
    first = world.store.lease("one", made.id, seconds=10)
    assert first is not None
    assert world.store.lease("two", made.id, seconds=10) is None
    assert world.store.due(limit=5) == []
    world.clock.pass_(11)
    assert world.store.lease("two", made.id, seconds=10) is not None
    assert world.store.apply("one", first, Change(due=None, phase="failed")) is None
    unchanged = world.store.by_id(made.id)
    assert unchanged is not None
    assert unchanged.phase == "ready"


def test_a_wish_written_during_an_act_is_kept_and_due_at_once(world: World) -> None:
    made = world.make("a", due=0.0)
    leased = world.store.lease("one", made.id, seconds=10)
    assert leased is not None
    world.store.update(made, wish=({"word": "stopped"}, "stopping"))
    applied = world.store.apply("one", leased, Change(due=None, phase="running", run={"h": 1}, status={"s": 2}))
    assert applied is not None
    assert (applied.wished, applied.phase, applied.run, applied.status) == ("stopped", "running", {"h": 1}, {"s": 2})
    assert applied.due == world.clock.now()


def test_apply_merges_and_removes_members(world: World) -> None:
    made = world.make("a", due=0.0, status={"keep": 1, "drop": 2})
    leased = world.store.lease("one", made.id, seconds=10)
    assert leased is not None
    applied = world.store.apply("one", leased, Change(due=None, status={"drop": None, "new": 3}))
    assert applied is not None
    assert applied.status == {"keep": 1, "new": 3}
    assert world.store.lease("one", made.id, seconds=10) is None, "nothing is due"


def test_gone_removes_the_row(world: World) -> None:
    made = world.make("a", due=0.0)
    leased = world.store.lease("one", made.id, seconds=10)
    assert leased is not None
    assert world.store.apply("one", leased, Change(due=None, gone=True)) is None
    assert world.store.by_id(made.id) is None


def test_each_place_sees_to_its_own_work(world: World) -> None:
    """Where machines share a database; what no place accepted is anybody's."""
    anybodys = world.make("anybody's", phase="running", due=1.0)
    places = [ResourceStore(world.database, world.clock, place) for place in ("one", "two")]
    made = []
    for place in places:
        world.store = place
        made.append(world.make(f"of {len(made)}\0", phase="running", due=1.0))
    for place, own, other in zip(places, made, reversed(made), strict=True):
        assert {identifier for identifier, _ in place.due(9)} == {own.id, anybodys.id}
        assert {each.id for each in place.in_phases([KIND], ["running"])} == {own.id, anybodys.id}
        assert place.lease("server", other.id, 10) is None
        assert place.lease("server", own.id, 10) is not None
        assert [place.is_ours(each) for each in (own, other, anybodys)] == [True, False, True]
    places[0].release()
    assert places[1].lease("next", made[1].id, 10) is None, "of another place, which may be alive"
    leased = places[0].lease("next", made[0].id, 10)
    assert leased is not None
    kept = places[0].apply("next", leased, Change(due=2.0, run={"handle": {"a": "\0"}}))
    assert kept is not None
    assert places[0].is_ours(kept)
    world.clock.pass_(11)
    assert made[0].id in {identifier for identifier, _ in places[0].due(9)}, "whatever characters its notes hold"


class Family(World):
    """A parent that is due long from now, and the ids that the store named to the reconciler."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.hinted: list[str] = []
        self.store = ResourceStore(database, self.clock, hint=self.hinted.append)
        self.parent = self.make("parent", phase="running", due=self.later())

    def later(self) -> float:
        return self.clock.now() + 1e6

    def child(self, name: str, kind: str = "Child", **more: object) -> Resource:
        return self.store.create(
            account=ACCOUNT,
            region=REGION,
            kind=kind,
            name=name,
            arn=f"arn:{name}",
            spec={},
            parent=self.parent.id,
            **more,
        )

    def woke(self) -> bool:
        """Whether the parent is due now and was hinted; it is put to sleep again."""
        found = self.store.by_id(self.parent.id)
        assert found is not None
        due = found.due is not None and found.due <= self.clock.now()
        assert due == (self.hinted == [self.parent.id])
        self.hinted.clear()
        self.store.update(found, due=self.later())
        return due


@pytest.fixture
def family(database: Database) -> Family:
    return Family(database)


def test_a_childs_move_makes_its_parent_due(family: Family) -> None:
    made = family.child("a", phase="pending", due=0.0)
    assert family.woke()
    steps: list[tuple[Change, bool]] = [
        (Change(due=0.0, run={"note": 1}), False),
        (Change(due=0.0, status={"Loss": 1}), False),
        (Change(due=0.0, phase="running"), True),
        (Change(due=0.0, phase="running"), False),
    ]
    for change, wakes in steps:
        leased = family.store.lease("one", made.id, 10)
        assert leased is not None
        assert family.store.apply("one", leased, change) is not None
        assert family.woke() == wakes, change
    now = family.store.by_id(made.id)
    assert now is not None
    wished = family.store.update(now, wish=({"word": "stopped"}, "stopping"))
    assert family.woke()
    family.store.update(wished, spec={"x": 1})
    assert not family.woke()
    leased = family.store.lease("one", made.id, 10)
    assert leased is not None
    assert family.store.apply("one", leased, Change(due=None, gone=True)) is None
    assert family.woke()
    family.store.delete(family.child("b"))
    assert family.hinted == [family.parent.id] * 2


def test_a_childs_move_during_its_parents_act_is_followed_by_another_act(family: Family) -> None:
    family.store.poke(family.parent.id)
    leased = family.store.lease("one", family.parent.id, 10)
    assert leased is not None
    family.child("a")
    applied = family.store.apply("one", leased, Change(due=None))
    assert applied is not None
    assert applied.due == family.clock.now()
    leased = family.store.lease("one", family.parent.id, 10)
    assert leased is not None
    applied = family.store.apply("one", leased, Change(due=None))
    assert applied is not None
    assert applied.due is None, "what was seen does not wake again"


def test_a_poke_does_not_make_a_handlers_write_stale(family: Family) -> None:
    family.store.poke(family.parent.id)
    family.store.update(family.parent, wish=({"word": "stopped"}, "stopping"))
    family.store.poke("nobody")


def test_children_are_listed_and_counted(family: Family) -> None:
    for number in range(5):
        family.clock.pass_(1)
        family.child(f"c{number}", kind="Odd" if number % 2 else "Even", phase="running" if number else "failed")
    family.make("stranger")
    assert [each.name for each in family.store.children(family.parent.id)] == ["c0", "c1", "c2", "c3", "c4"]
    assert [each.name for each in family.store.children(family.parent.id, kind="Odd")] == ["c1", "c3"]
    page = family.store.children(family.parent.id, Query(shown=frozenset({"running"}), order="name", limit=2))
    assert [each.name for each in page] == ["c4", "c3"]
    counts = {("Even", "failed"): 1, ("Even", "running"): 2, ("Odd", "running"): 2}
    assert family.store.phase_counts(family.parent.id) == counts
    assert family.store.children("nobody") == []


def test_children_of_the_kinds_named_go_with_their_parent(family: Family) -> None:
    step = family.child("step", kind="Step")
    inner = family.store.create(
        account=ACCOUNT, region=REGION, kind="Step", name="inner", arn="arn:inner", spec={}, parent=step.id
    )
    job = family.child("job", kind="TrainingJob")
    family.store.delete(family.parent, below=["Step"])
    assert [family.store.by_id(each.id) is None for each in (family.parent, step, inner, job)] == [True] * 3 + [False]

"""The spool between an agent and a server, each of which may be killed between any two of its steps."""

from __future__ import annotations

from pathlib import Path

from sagewright_runtime.shared import spool


def added(place: Path, number: int, name: str = "file") -> None:
    Path(spool.data_path(str(place), number)).write_text(name)
    spool.put(str(place), number, "out", name)


def test_items_wait_in_order_until_they_are_done(tmp_path: Path) -> None:
    for number in (10, 9, 100):
        added(tmp_path, number)
    assert spool.waiting(str(tmp_path)) == [9, 10, 100]
    item = spool.read(str(tmp_path), 9)
    assert item is not None
    assert (item.output, item.name, item.deleted, Path(item.data).read_text()) == ("out", "file", False, "file")
    item.done()
    item.done()
    assert spool.waiting(str(tmp_path)) == [10, 100]
    assert spool.read(str(tmp_path), 9) is None


def test_a_copy_without_its_description_is_no_item(tmp_path: Path) -> None:
    Path(spool.data_path(str(tmp_path), 1)).write_text("half")
    (tmp_path / "000000000002.json.new").write_text("{")
    assert spool.waiting(str(tmp_path)) == []
    assert spool.waiting(str(tmp_path / "not-there")) == []


def test_any_name_of_a_file_comes_through(tmp_path: Path) -> None:
    for number, name in enumerate(("a\nb", '"', "ünï", "\udcff", "n" * 200)):
        spool.put(str(tmp_path), number, "out", name, deleted=True)
        item = spool.read(str(tmp_path), number)
        assert item is not None
        assert (item.name, item.deleted) == (name, True)

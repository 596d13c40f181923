"""A page's query is built once for each form, and its values are bound."""

from __future__ import annotations

from sagewright.store.pages import Query, page
from sagewright.store.schema import resources

COLUMNS = (resources.c.id, resources.c.name)


def test_one_statement_serves_all_values_of_a_form() -> None:
    first, values = page(COLUMNS, {"parent": "p"}, Query(name_contains="50%_/", limit=3))
    second, others = page(COLUMNS, {"parent": "q"}, Query(name_contains="x"))
    assert first is second
    assert values == {"parent": "p", "most": 3, "name_contains": "%50/%/_//%"}
    assert others["name_contains"] == "%x%"
    third, _ = page(COLUMNS, {"parent": "p"}, Query(name_contains="x", order="name"))
    assert third is not first


def test_a_page_that_goes_on_begins_after_the_last_row() -> None:
    statement, values = page(COLUMNS, {"kind": "K"}, Query(after=(5.0, "n"), descending=False))
    assert (values["last"], values["last_name"]) == (5.0, "n")
    assert "resources.created >= " in str(statement)

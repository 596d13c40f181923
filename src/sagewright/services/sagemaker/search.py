"""Search: resources of one kind by what is said of them."""

from __future__ import annotations

from typing import Any

from sagewright.nouns import search as nouns_search
from sagewright.nouns.operations import Call, Result, operation


@operation("sagemaker", "Search")
def search(call: Call, request: dict[str, Any]) -> Result:
    """Full descriptions of what satisfies the SearchExpression, sorted, in pages."""
    return nouns_search.search(call, request)


@operation("sagemaker", "GetSearchSuggestions")
def get_search_suggestions(call: Call, request: dict[str, Any]) -> Result:
    """Names of properties that a search can use, beginning with what was typed so far."""
    return nouns_search.suggestions(call, request)

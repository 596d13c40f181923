"""What every part stands on: errors, ARNs, ids, the clock and the settings."""

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
"""A JSON object: a request, an answer, or a document that the store keeps."""

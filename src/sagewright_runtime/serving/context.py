"""The ``context`` that a handler function may take as one more argument, by the names model servers gave it."""

# ruff: noqa: ARG002 (a request is alone in its batch, so every index is 0)

from __future__ import annotations

from collections.abc import Mapping


class Context:
    """One request's headers, and what the handler wants said besides the body."""

    def __init__(self, model_dir: str, headers: Mapping[str, str] | None = None) -> None:
        self.system_properties = {"model_dir": model_dir, "gpu_id": None}
        self.request_processor = [self]
        self.status: int | None = None
        self.content_type: str | None = None
        self.response_headers: dict[str, str] = {}
        self._headers = headers or {}

    def get_request_header(self, index: int, key: str) -> str | None:
        """One header of the request; ``index`` is always 0, names in any case."""
        return self._headers.get(key.lower())

    def get_all_request_header(self, index: int) -> dict[str, str]:
        """All headers of the request, names in lower case."""
        return dict(self._headers)

    def get_request_properties(self) -> dict[str, str]:
        """The same, as ``request_processor[0]`` offers it."""
        return dict(self._headers)

    def get_request_property(self, key: str) -> str | None:
        return self._headers.get(key.lower())

    def set_response_content_type(self, index: int, value: str) -> None:
        self.content_type = value

    def set_response_header(self, index: int, key: str, value: str) -> None:
        self.response_headers[key.lower()] = value

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        self.status = code

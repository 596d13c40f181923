"""One request, how far its body has come, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Callable

from sagewright.gateway.http.body import StreamBody
from sagewright.gateway.http.memory import Reservation
from sagewright.wire.http import BytesReader, Request, Response

EMPTY = BytesReader(b"")


class Exchange:
    """A request on its connection. All of it is the event loop's, but for ``turn``."""

    __slots__ = (
        "begun",
        "body",
        "cancel",
        "chunked",
        "complete",
        "declared",
        "done",
        "expects",
        "fast",
        "gathered",
        "holder",
        "keep_alive",
        "ready",
        "request",
        "reservation",
        "size",
        "turn",
        "undecided",
        "wait_until",
    )

    def __init__(self, request: Request, *, keep_alive: bool, expects: bool) -> None:
        self.request = request
        self.keep_alive = keep_alive
        self.expects = expects
        """The client waits for 100 Continue before it sends the body."""
        self.holder = ""
        """Whose share of memory and threads it uses."""
        self.body: StreamBody | None = None
        self.gathered: list[bytes] | None = None
        self.reservation: Reservation | None = None
        """The memory that the gathered body may take."""
        self.declared: int | None = 0
        """Body bytes announced; None when the body is chunked."""
        self.size = 0
        """Body bytes received so far, without those that a thread receives itself."""
        self.begun = 0.0
        """When its body began to be received; 0 for one that is not waited for."""
        self.undecided = False
        """It waits for the answer whether its body may come, or for memory; nothing more is received meanwhile."""
        self.wait_until: float | None = None
        """When it is refused, if it still waits then: for an answer, for memory or for a thread."""
        self.turn: list[None] = [None]
        """Whoever takes the item out, the thread that carries the request out or the loop that refuses it, answers."""
        self.cancel: Callable[[], object] | None = None
        """Gives up what is awaited on the loop for it."""
        self.complete = False
        self.done = False
        self.fast = False
        self.chunked = True
        """The client understands chunked answers."""
        self.ready: Response | None = None
        """An answer that needs no handler, such as 400."""

    @property
    def received(self) -> int:
        """Body bytes received so far, by whomever."""
        return self.size + (self.body.lent_received if self.body is not None else 0)

    def take_turn(self) -> bool:
        """Whether the caller is the one who answers. Thread-safe."""
        try:
            self.turn.pop()
        except IndexError:
            return False
        return True


def refusal(status: int, message: str) -> Exchange:
    """The answer to a request that cannot be used, after which the connection ends."""
    made = Exchange(Request("GET", "/", "", "/", [], {}, EMPTY), keep_alive=False, expects=False)
    body = json.dumps({"message": message}).encode()
    made.ready = Response(status, {"content-type": "application/json"}, body)
    return made

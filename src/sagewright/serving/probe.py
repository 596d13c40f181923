"""One blocking question to a model server, for the reconciler that decides whether an endpoint is InService."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from sagewright_runtime.shared import frames, sockets


@dataclass(frozen=True, slots=True)
class Ping:
    """Whether the model server answered 200, and if not, why in words."""

    ok: bool
    detail: str = ""


def ping(socket: Path, timeout: float = 2.0) -> Ping:
    """Ask the model server at ``socket`` for life, waiting ``timeout`` seconds at most (SageMaker's limit is 2).

    The model server listens only once its model is loaded, so a socket that is not there yet means "still loading".
    """
    deadline = time.monotonic() + timeout
    splitter = frames.Splitter()
    try:
        with sockets.connect(socket, timeout) as stream:
            stream.sendall(frames.encode(1, frames.PING))
            while (left := deadline - time.monotonic()) > 0:
                stream.settimeout(left)
                data = stream.recv(4096)
                for answer in splitter.feed(data):
                    return Ping(answer.code == 200, "" if answer.code == 200 else f"answered {answer.code}")
                if not data:
                    return Ping(False, "closed the connection")
    except FileNotFoundError:
        return Ping(False, "does not listen yet")
    except TimeoutError:
        pass
    except (OSError, frames.FrameError) as error:
        return Ping(False, str(error))
    return Ping(False, f"did not answer within {timeout:g} seconds")

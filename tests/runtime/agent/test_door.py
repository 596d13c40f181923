"""A door in a network of an ordinary user's own, whoever runs the tests."""

from __future__ import annotations

import importlib
import os
import select
import signal
import socket
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sagewright.backends import doors
from sagewright_runtime.agent.door import Door
from sagewright_runtime.shared import pod, system
from sagewright_runtime.shared.door_address import ADDRESS, PORT

NOBODY = 65534
for name in ("ctypes", "encodings.ascii", "encodings.idna"):  # an interpreter in root's home is out of a user's reach
    importlib.import_module(name)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that an ordinary user can use."""
    with tempfile.TemporaryDirectory(prefix="sagewright-") as directory:
        if os.geteuid() == 0:
            os.chown(directory, NOBODY, NOBODY)
        (Path(directory) / "algo-1").mkdir()
        if os.geteuid() == 0:
            os.chown(Path(directory) / "algo-1", NOBODY, NOBODY)
        yield Path(directory)


def as_a_user(act: Callable[[], None]) -> None:
    """``act`` in a process of an ordinary user."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                system.become(NOBODY)
                system.look_ordinary("test")  # else its /proc files stay root's
            act()
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_an_ordinary_user_opens_a_door_in_another_network(place: Path) -> None:
    def act() -> None:
        holder = pod.hold(str(place), 2)
        joins = pod.enter(str(place), "algo-1", lambda: False)
        door = Door({"shared": False, "env": {"X": "http://{door}"}}, str(place / "algo-1"))
        door.open(joins)
        assert door.variables() == {"X": f"http://{ADDRESS}:{PORT}"}
        caller = os.fork()
        if caller == 0:
            for descriptor, kind in joins:
                system.setns(descriptor, kind)
            socket.create_connection((ADDRESS, PORT), 10).sendall(b"hello")
            os._exit(0)
        served = os.fork()
        if served == 0:
            select.select([door.descriptor], [], [])
            door.serve()
            signal.pause()
        fetched = doors.fetch(place / "algo-1")
        assert fetched is not None
        listener, lifeline = fetched
        listener.settimeout(10)
        assert listener.accept()[0].recv(10) == b"hello"
        os.kill(served, signal.SIGKILL)
        lifeline.settimeout(10)
        assert lifeline.recv(1) == b""
        os.kill(holder, signal.SIGKILL)

    as_a_user(act)


def test_there_is_nothing_to_fetch_where_no_agent_is(place: Path) -> None:
    assert doors.fetch(place) is None
    assert doors.fetch(place / "nowhere") is None

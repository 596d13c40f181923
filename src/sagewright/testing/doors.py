"""How jobs reach the server through their doors: part of ``BackendCase``."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from sagewright.backends.base import Handle, Workload
from sagewright.backends.local import LocalBackend
from sagewright.testing.runs import Bench, eventually, only
from sagewright.wire.http import Door

ROLE = "arn:aws:iam::123456789012:role/Worker"
ASK = """
import os, urllib.request
def ask(path=""):
    return urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/" + path, timeout=30).read().decode()
def keys():
    place = os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") or (
        "http://169.254.170.2" + os.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
    return urllib.request.urlopen(place, timeout=30).read().decode()
"""


MEET = """
import socket, time
me, other = socket.gethostname(), {"algo-1": "algo-2", "algo-2": "algo-1"}[socket.gethostname()]
server = socket.create_server((me, 7777))
for _ in range(3000):
    try:
        socket.create_connection((other, 7777)).close()
        break
    except ConnectionRefusedError:
        time.sleep(0.01)
server.accept()
"""
"""Lets two hosts wait for one another. A call to the door of a host that is ending would be reset."""


class Reception:
    """In place of a server: answers each request with the door's run, and whether it asked for the door's keys."""

    def __init__(self, directory: Path) -> None:
        self._files = {name: directory / name for name in ("trust", "defaults")}
        for path in self._files.values():
            path.write_text("")
        self._closed, self._close = socket.socketpair()
        self._threads: list[threading.Thread] = []
        self.dismissed: list[str] = []

    def files(self) -> Mapping[str, Path]:
        return self._files

    def admit(self, door: Door, listener: socket.socket, lifeline: socket.socket) -> None:
        self._threads.append(threading.Thread(target=self._attend, args=(door, listener, lifeline)))
        self._threads[-1].start()

    def dismiss(self, run_id: str) -> None:
        self.dismissed.append(run_id)

    def attending(self) -> int:
        """How many doors are open."""
        return sum(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """As a server that is killed."""
        self._close.close()
        for thread in self._threads:
            thread.join()

    def _attend(self, door: Door, listener: socket.socket, lifeline: socket.socket) -> None:
        with listener, lifeline:
            while select.select([listener, lifeline, self._closed], [], [])[0] == [listener]:
                caller, _ = listener.accept()
                with caller:
                    path = caller.recv(4096).split()[1].decode()
                    answer = f"{door.run_id} {door.role} {path == door.path}".encode()
                    caller.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))


def receive(bench: Bench) -> Reception:
    """Let the jobs of ``bench`` call a new reception."""
    assert isinstance(bench.backend, LocalBackend)
    reception = Reception(bench.place)
    bench.backend.network, bench.backend.doors = "server", reception
    return reception


class DoorCase:
    """``isolated`` and ``hosts_talk`` as in ``BackendCase``."""

    isolated = True
    hosts_talk = True

    def test_a_job_calls_the_server_by_a_door_of_its_own(self, bench: Bench) -> None:
        reception = receive(bench)
        other = bench.workload(f"{ASK}print(keys())\nimport time; time.sleep(600)", role=ROLE)
        first = bench.start(other)
        wait_polling(bench, first, other)
        document = (bench.backend.instance_directory(first, "algo-1") / "agent.json").read_text()
        path = document.split('"path": "/v2/credentials/')[1].split('"')[0]
        script = f"{ASK}print(ask('x'))\nprint(ask('v2/credentials/{path}'))\nprint(keys())\n" + (
            "print([name for name in os.environ if 'KEY' in name or 'TOKEN' in name], os.environ['AWS_CA_BUNDLE'][0])"
        )
        workload = bench.workload(script, role=ROLE)
        second = bench.start(workload)
        assert only(bench.wait(second)).exit_code == 0
        me, they = second["run_id"], first["run_id"]
        assert bench.lines(other) == [f"{they} {ROLE} True"]
        assert bench.lines(workload) == [f"{me} {ROLE} False", f"{me} {ROLE} False", f"{me} {ROLE} True", "[] /"]
        bench.backend.remove(first)
        assert reception.dismissed == [they]
        eventually(lambda: reception.attending() == 0)
        reception.close()

    def test_an_isolated_job_has_no_door(self, bench: Bench) -> None:
        reception = receive(bench)
        script = """
            import os, socket
            print([name for name in os.environ if name.startswith("AWS_") or "proxy" in name.lower()])
        """
        reach = """
            try:
                socket.create_connection(("169.254.170.2", 80), 5)
            except OSError as error:
                print(error.strerror)
        """
        for members in ({"role": ROLE, "isolated": True}, {}):
            _, lines = bench.run(script + reach * self.isolated, **members)
            assert lines == ["[]", "Network is unreachable"][: 1 + self.isolated]
        assert reception.attending() == 0
        reception.close()

    def test_the_users_variables_win(self, bench: Bench) -> None:
        reception = receive(bench)
        script = "import os; print(os.environ['AWS_ENDPOINT_URL'], os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'])"
        variables = {"AWS_ENDPOINT_URL": "http://mine", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/x"}
        assert bench.run(script, role=ROLE, env=variables)[1] == ["http://mine http://localhost/x"]
        reception.close()

    def test_a_call_made_while_no_server_runs_is_answered_by_the_next(self, bench: Bench) -> None:
        first = receive(bench)
        script = f"{ASK}print(ask())\nwhile not os.path.exists('../input/go'): pass\nprint('asking')\nprint(keys())"
        workload = bench.workload(script, role=ROLE, files={"/opt/ml/input/here": ""})
        handle = bench.start(workload)
        wait_polling(bench, handle, workload)
        first.close()
        (bench.backend.instance_directory(handle, "algo-1") / "ml/input/go").touch()
        bench.wait_for_line(workload, "asking")
        bench.restart()
        second = receive(bench)
        assert only(bench.wait(handle)).exit_code == 0
        run_id = handle["run_id"]
        assert bench.lines(workload) == [f"{run_id} {ROLE} False", "asking", f"{run_id} {ROLE} True"]
        second.close()

    def test_all_hosts_of_a_run_call_by_the_address_they_share(self, bench: Bench) -> None:
        if not self.hosts_talk:
            pytest.skip("this backend's hosts share no network of their own")
        reception = receive(bench)
        workload = bench.workload(
            f"{ASK}\nfor _ in range(20): print(keys())\n{MEET}", role=ROLE, hosts=("algo-1", "algo-2")
        )
        handle = bench.start(workload)
        report = bench.wait(handle)
        assert [instance.exit_code for instance in report.instances] == [0, 0], report
        for host in (0, 1):
            assert bench.lines(workload, host) == [f"{handle['run_id']} {ROLE} True"] * 20
        reception.close()

    def test_a_sandbox_may_be_given_the_machines_network(self, bench: Bench) -> None:
        if not self.isolated:
            pytest.skip("this backend has no other")
        reception = receive(bench)
        assert isinstance(bench.backend, LocalBackend)
        bench.backend.network = "host"
        with socket.create_server(("127.0.0.1", 0)) as server:
            reach = f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)\n"
            report, lines = bench.run(f"{ASK}{reach}print(keys())", role=ROLE)
            assert lines[0].endswith(f"{ROLE} True")
            assert only(bench.run(reach, role=ROLE, isolated=True)[0]).exit_code == 1
        assert only(report).exit_code == 0
        reception.close()


def wait_polling(bench: Bench, handle: Handle, workload: Workload) -> None:
    """Poll, as the server does, until the job has printed something."""

    def has_printed() -> bool:
        bench.backend.poll(handle)
        return bool(bench.lines(workload))

    eventually(has_printed)

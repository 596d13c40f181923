"""What every backend promises. Subclass ``BackendCase``, say how to make yours, and pytest checks it::

class TestMine(BackendCase):
    def make(self, root: Path, hint_socket: Path) -> Backend:
        return MyBackend(root, hint_socket)
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.backends.base import Backend, Input, InputFile, Limits, MetricDefinition, Output
from sagewright.testing.doors import DoorCase
from sagewright.testing.isolation import IsolationCase
from sagewright.testing.runs import MEBIBYTE, SECONDS, Bench, connects, eventually, only, processes_with
from sagewright_runtime.shared import documents, system


class BackendCase(IsolationCase, DoorCase):
    """The promises. ``isolated`` and ``hosts_talk`` False leave out what a backend does not promise."""

    hosts_talk = True

    def make(self, root: Path, hint_socket: Path) -> Backend:
        """A new backend object over ``root``."""
        raise NotImplementedError

    @pytest.fixture
    def environment(self) -> str:
        """The Python environment that the tests' jobs run in."""
        return sys.prefix

    @pytest.fixture
    def bench(self, tmp_path_factory: pytest.TempPathFactory, environment: str) -> Iterator[Bench]:
        directory = tmp_path_factory.mktemp("b")  # short: a Unix socket's path has at most 107 bytes
        bench = Bench(self.make, directory, environment)
        yield bench
        bench.close()

    def test_a_script_runs_to_its_end_and_its_stages_are_reported(self, bench: Bench) -> None:
        report, lines = bench.run("print('hello'); import sys; print('there', file=sys.stderr)")
        instance = only(report)
        assert (report.stage, instance.exit_code, instance.reason) == ("ended", 0, "")
        assert lines == ["hello", "there"]
        assert [stage for stage, _ in instance.stages] == ["starting", "downloading", "running", "packing", "ended"]
        times = [at for _, at in instance.stages]
        assert times == sorted(times)

    def test_stage_changes_are_hinted(self, bench: Bench) -> None:
        workload = bench.workload("pass")
        handle = bench.start(workload)
        bench.wait(handle)
        bench.hint.settimeout(SECONDS)
        assert bench.hint.recv(100).decode() == handle["run_id"]

    def test_a_second_start_of_the_same_run_starts_nothing(self, bench: Bench) -> None:
        workload = bench.workload("print('once')")
        handle = bench.start(workload)
        assert bench.backend.start(handle["run_id"], workload) == handle
        bench.wait(handle)
        assert bench.backend.start(handle["run_id"], workload) == handle
        assert bench.wait(handle).stage == "ended"
        assert bench.lines(workload) == ["once"]

    def test_the_environment_is_the_workloads_alone(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SERVER_SECRET", "hunter2")
        script = "import os; print(os.environ.get('SERVER_SECRET'), os.environ['EPOCHS'], os.environ['PATH'])"
        _, lines = bench.run(script, env={"EPOCHS": "3", "PATH": "/mine"})
        assert lines[0].startswith("None 3 /")
        assert lines[0].endswith(f"{bench.environment}/bin:/usr/local/bin:/usr/bin:/bin:/mine")

    @pytest.mark.parametrize(
        ("script", "code", "reason"),
        [
            ("import sys; sys.exit(3)", 3, "exited with code 3"),
            ("import sys; sys.exit('no data in channel train')", 1, "exited with code 1: no data in channel train"),
            (
                "def main():\n    raise ValueError('bad label')\nmain()",
                1,
                "train.py line 2, in main: ValueError: bad label",
            ),
            (
                "import json; json.loads('{')",
                1,
                "train.py line 1: json.decoder.JSONDecodeError: Expecting property name",
            ),
            ("import os; os.kill(os.getpid(), 11)", 139, "killed by SIGSEGV (exit code 139)"),
            ("import os; os.kill(os.getpid(), 9)", 137, "killed by SIGKILL (exit code 137)"),
            ("this is no python", 1, "train.py line 1: SyntaxError: invalid syntax"),
        ],
    )
    def test_a_failure_tells_the_truth(self, bench: Bench, script: str, code: int, reason: str) -> None:
        report, _ = bench.run(script)
        instance = only(report)
        assert instance.exit_code == code
        assert instance.reason.startswith(reason)
        assert not instance.out_of_memory

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
    def test_an_end_by_a_signal_is_reported_as_such(self, bench: Bench, number: signal.Signals) -> None:
        workload = bench.workload("print('up', flush=True); import time; time.sleep(600)")
        handle = bench.start(workload)
        bench.wait_for_line(workload, "up")
        agent = documents.pid_of(documents.claimed(str(bench.backend.instance_directory(handle, "algo-1"))))
        for pid in system.children(agent):
            os.kill(pid, number)
        instance = only(bench.wait(handle))
        assert (instance.exit_code, instance.reason) == (
            128 + number, f"killed by {number.name} (exit code {128 + number})",
        )  # fmt: skip

    def test_a_program_that_is_not_there_is_named(self, bench: Bench) -> None:
        report, _ = bench.run("", argv=("no-such-program",))
        assert report.stage == "ended"
        assert only(report).reason == "cannot start no-such-program: No such file or directory"

    def test_stop_lets_the_handler_run_and_keeps_what_it_saved(self, bench: Bench) -> None:
        workload = bench.workload(
            """
            import signal, sys, time
            def save(*_):
                open("../model/checkpoint", "w").write("epoch 5")
                sys.exit(0)
            signal.signal(signal.SIGTERM, save)
            print("ready")
            time.sleep(600)
            """,
            outputs=(Output("model.tar.gz", "/opt/ml/model"),),
        )
        handle = bench.start(workload)
        bench.wait_for_line(workload, "ready")
        bench.backend.stop(handle, 20)
        instance = only(bench.wait(handle))
        assert (instance.exit_code, instance.timed_out) == (0, False)
        with tarfile.open(instance.outputs["model.tar.gz"]) as archive:
            assert archive.getnames() == ["checkpoint"]

    def test_stop_kills_what_ignores_it(self, bench: Bench) -> None:
        workload = bench.workload(
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(600)"
        )
        handle = bench.start(workload)
        bench.wait_for_line(workload, "ready")
        bench.backend.stop(handle, 0.2)
        instance = only(bench.wait(handle))
        assert (instance.exit_code, instance.reason) == (137, "killed by SIGKILL (exit code 137)")

    def test_a_run_longer_than_it_may_is_stopped(self, bench: Bench) -> None:
        report, _ = bench.run("import time; time.sleep(600)", limits=Limits(max_runtime_seconds=0.5, grace_seconds=20))
        instance = only(report)
        assert (instance.exit_code, instance.timed_out) == (143, True)
        assert instance.reason.startswith("ran longer than 0.5 s and was stopped")

    def test_memory_over_the_limit_kills(self, bench: Bench) -> None:
        script = """
            import time
            held = []
            for _ in range(40):
                held.append(bytearray(b"x" * (5 << 20)))
            time.sleep(600)
        """
        report, _ = bench.run(script, limits=Limits(memory_bytes=120 * MEBIBYTE))
        instance = only(report)
        assert (instance.exit_code, instance.out_of_memory) == (137, True)
        assert instance.peak_memory_bytes > 100 * MEBIBYTE
        assert instance.reason.startswith("killed by SIGKILL (exit code 137): out of memory, peak ")
        assert instance.reason.endswith("MiB of 120 MiB limit")

    def test_binary_long_and_unfinished_output_is_kept(self, bench: Bench) -> None:
        script = r"""
            import sys
            out = sys.stdout.buffer
            out.write(b"caf\xc3\xa9 \xff\x00 back\\slash\ttab\n" + b"y" * 600_000 + b"\n1%\r2%\r3%\nlast")
        """
        _, lines = bench.run(script)
        assert lines[0] == "café \N{REPLACEMENT CHARACTER}\0 back\\slash\ttab"
        assert all(len(line) <= 256 * 1024 for line in lines)
        assert "".join(lines[1:]).replace("1%", "").replace("2%", "") == "y" * 600_000 + "3%last"

    def test_output_without_end_does_not_stop_the_job(self, bench: Bench) -> None:
        _, lines = bench.run("for n in range(100_000): print(f'line {n}')")
        assert len(lines) == 100_000
        assert lines[-1] == "line 99999"

    def test_metrics_are_found_in_the_output(self, bench: Bench) -> None:
        definitions = (
            MetricDefinition("train:rmse", r".*\[[0-9]+\].*#011train-rmse:([-+]?[0-9]*\.?[0-9]+).*"),
            MetricDefinition("loss", r"loss=(\S+)"),
            MetricDefinition("evil", r"^(a+)+$"),
            MetricDefinition("broken", r"(("),
        )
        script = "print('[7]\\ttrain-rmse:0.25'); print('loss=1e-3'); print('loss=none'); print('a' * 60 + 'b')"
        workload = bench.workload(script, metrics=definitions)
        handle = bench.start(workload)
        assert bench.wait(handle).stage == "ended"
        path = bench.backend.instance_directory(handle, "algo-1") / "metrics.jsonl"
        lines = [re.sub(r', "at": [0-9.e+]+', "", line) for line in path.read_text().splitlines()]
        assert lines == ['{"name": "train:rmse", "value": 0.25}', '{"name": "loss", "value": 0.001}']
        assert any("'broken' is off" in line for line in bench.lines(workload))

    def test_inputs_appear_and_may_be_written(self, bench: Bench) -> None:
        source, archive = bench.place / "data.csv", bench.place / "model.tar.gz"
        source.write_text("1,2\n")
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(source, "weights/w.bin")
        script = """
            import json
            print(open("../input/data/train/part/data.csv").read().strip())
            print(open("../model/weights/w.bin").read().strip())
            print(json.load(open("../input/config/hyperparameters.json"))["eta"])
            open("../input/sm_training.env", "w").write("x")
            open("../input/data/train/part/data.csv", "a").write("3,4")
        """
        report, lines = bench.run(
            script,
            files={"/opt/ml/input/config/hyperparameters.json": '{"eta": "0.2"}'},
            inputs=(
                Input("/opt/ml/input/data/train", (InputFile("part/data.csv", str(source), 4),)),
                Input("/opt/ml/model", (InputFile("model.tar.gz", str(archive), 4),), unpack=True),
            ),
        )
        assert (only(report).exit_code, lines) == (0, ["1,2", "1,2", "0.2"])
        assert source.read_text() == "1,2\n"

    @pytest.mark.parametrize("name", ["../../../../escape", "/etc/escape"])
    def test_an_input_cannot_leave_its_directory(self, bench: Bench, name: str) -> None:
        source = bench.place / "data"
        source.write_text("x")
        report, _ = bench.run("", inputs=(Input("/opt/ml/input/data/train", (InputFile(name, str(source), 1),)),))
        assert only(report).exit_code is None
        assert "is not below /opt/ml/input/data/train" in only(report).reason

    def test_a_host_gets_its_own_inputs_beside_those_of_all(self, bench: Bench) -> None:
        def entry(name: str) -> Input:
            (bench.place / name).write_text(name)
            return Input("/opt/ml/input/data/train", (InputFile(name, str(bench.place / name), 1),))

        others = {"algo-1": (entry("mine"),), "algo-2": (entry("theirs"),)}
        _, lines = bench.run(
            "import os; print(sorted(os.listdir('../input/data/train')))", inputs=(entry("ours"),), host_inputs=others
        )
        assert lines == ["['mine', 'ours']"]

    def test_outputs_are_packed_with_links_that_stay_inside(self, bench: Bench) -> None:
        secret = bench.place / "secret"
        secret.write_text("of the server")
        script = f"""
            import os
            os.chdir("..")
            os.makedirs("model/sub")
            open("model/sub/weights", "w").write("w")
            os.symlink("sub/weights", "model/latest")
            os.symlink({str(secret)!r}, "model/stolen")
            os.mkfifo("model/pipe")
            open("output/data/table.csv", "w").write("t")
            os.symlink({str(secret)!r}, "output/data/stolen")
            open("output/failure", "w").write("the user says why" + "." * 2000)
            open("output/message", "w").write("and what came of it")
        """
        outputs = (
            Output("model.tar.gz", "/opt/ml/model"),
            Output("data", "/opt/ml/output/data", pack=False),
            Output("empty.tar.gz", "/opt/ml/input/data"),
            Output("always.tar.gz", "/opt/ml/missing", always=True),
        )
        report, _ = bench.run(script, outputs=outputs)
        instance = only(report)
        assert instance.failure.startswith("the user says why.")
        assert len(instance.failure) == 1024
        assert instance.message == "and what came of it"
        assert set(instance.outputs) == {"model.tar.gz", "data", "always.tar.gz"}
        with tarfile.open(instance.outputs["model.tar.gz"]) as archive:
            assert archive.getnames() == ["latest", "sub", "sub/weights"]
            assert archive.getmember("latest").linkname == "sub/weights"
        assert [path.name for path in Path(instance.outputs["data"]).rglob("*")] == ["table.csv"]

    def test_a_server_killed_and_started_again_finds_its_runs(self, bench: Bench) -> None:
        running = bench.workload("input_ = open('../input/go').read(); print(input_)", files={"/opt/ml/input/go": "on"})
        ended = bench.start(running)
        bench.wait(ended)
        waiting = bench.workload("import time; print('ready'); time.sleep(600)")
        handle = bench.start(waiting)
        bench.wait_for_line(waiting, "ready")
        bench.restart()
        assert only(bench.backend.poll(ended)).exit_code == 0
        assert bench.backend.poll(handle).stage == "running"
        bench.backend.stop(handle, 20)
        assert only(bench.wait(handle)).exit_code == 143

    def test_a_start_cut_short_is_completed_by_the_next(self, bench: Bench) -> None:
        workload, run_id = bench.workload("print('once')"), uuid.uuid4().hex
        pid = os.fork()
        if pid == 0:  # a server that dies as it starts the first agent
            sys.addaudithook(lambda event, _: os.kill(os.getpid(), 9) if event == "subprocess.Popen" else None)
            bench.backend.start(run_id, workload)
            os._exit(1)
        assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
        handle = bench.backend.start(run_id, workload)
        bench.handles.append(handle)
        assert bench.wait(handle).stage == "ended"
        assert bench.lines(workload) == ["once"]

    def test_a_killed_agent_is_lost_with_its_process(self, bench: Bench) -> None:
        workload = bench.workload("import time; print('ready'); time.sleep(600)")
        handle = bench.start(workload)
        bench.wait_for_line(workload, "ready")
        directory = bench.backend.instance_directory(handle, "algo-1")
        os.kill(int((directory / "agent.pid").read_text().split()[1]), signal.SIGKILL)
        report = bench.wait(handle)
        assert report.stage == "lost"
        assert "died" in only(report).reason
        eventually(lambda: not processes_with(str(directory)))

    def test_remove_kills_and_forgets(self, bench: Bench) -> None:
        workload = bench.workload("import time; print('ready'); time.sleep(600)")
        handle = bench.start(workload)
        bench.wait_for_line(workload, "ready")
        directory = bench.backend.instance_directory(handle, "algo-1")
        bench.backend.remove(handle)
        assert not directory.exists()
        assert not processes_with(str(directory))
        bench.backend.remove(handle)
        assert bench.backend.poll(handle).stage == "lost"
        assert list((bench.place / "runs").iterdir()) == []

    def test_remove_all_ends_runs_that_nobody_has_the_handle_of(self, bench: Bench) -> None:
        workload = bench.workload("import time; print('ready'); time.sleep(600)")
        name = uuid.uuid4().hex
        for run in (name, f"{name}-1-main", f"{name}x"):
            bench.handles.append(bench.backend.start(run, workload))
        eventually(lambda: bench.lines(workload) == ["ready"] * 3)
        (bench.place / "runs" / f".{name}-2.abcd" / "algo-1").mkdir(parents=True)
        bench.backend.remove_all(name)
        assert [path.name for path in (bench.place / "runs").iterdir()] == [f"{name}x"]
        assert not processes_with(f"{name}/") + processes_with(f"{name}-1-main/")

    @pytest.mark.parametrize("hosts", [("algo-1", "algo-2"), ("algo-1", "algo-2", "algo-3")])
    def test_remove_all_ends_runs_of_several_hosts(self, bench: Bench, hosts: tuple[str, ...]) -> None:
        if not self.hosts_talk:
            pytest.skip("this backend's hosts share no network of their own")
        workload = bench.workload("print('ready'); import time; time.sleep(600)", hosts=hosts)
        handle = bench.start(workload)
        for number in range(len(hosts)):
            eventually(lambda number=number: bench.lines(workload, number) == ["ready"])  # type: ignore[misc]
        bench.backend.remove_all(handle["run_id"])
        assert list((bench.place / "runs").iterdir()) == []
        assert not processes_with(f"{handle['run_id']}/")

    def test_a_tree_closed_by_its_owner_is_removed(self, bench: Bench) -> None:
        script = "import os; os.makedirs('../model/a/b'); open('../model/a/b/c', 'w'); os.chmod('../model/a', 0)"
        handle = bench.start(bench.workload(script))
        assert only(bench.wait(handle)).exit_code == 0
        bench.backend.remove(handle)
        assert list((bench.place / "runs").iterdir()) == []

    def test_nothing_the_job_started_outlives_it(self, bench: Bench) -> None:
        script = """
            import subprocess, sys
            code = "import time; print('child', flush=True); time.sleep(600)"
            child = subprocess.Popen([sys.executable, "-c", code, "SAGEWRIGHT-ORPHAN"], start_new_session=True)
        """
        report, _ = bench.run(script)
        assert only(report).exit_code == 0
        assert not processes_with("SAGEWRIGHT-ORPHAN")

    def test_a_workload_that_makes_no_sense_is_refused(self, bench: Bench) -> None:
        with pytest.raises(ValueError, match="environment variable"):
            bench.start(bench.workload("", env={"A=B": "c"}))
        with pytest.raises(ValueError, match="name of a run"):
            bench.start(bench.workload("", hosts=("../algo-1",)))
        for path in ("/etc/passwd", "/opt/ml/../../etc/passwd"):
            with pytest.raises(ValueError, match="not below /opt/ml"):
                bench.start(bench.workload("", files={path: ""}))
        with pytest.raises(OSError, match="no Python environment"):
            bench.start(bench.workload("", environment="/nowhere"))
        assert list((bench.place / "runs").iterdir()) == []

    def test_the_socket_directory_is_shared_with_the_server(self, bench: Bench) -> None:
        script = """
            import os, socket
            server = socket.socket(socket.AF_UNIX)
            server.bind(os.environ["SAGEWRIGHT_RUN_DIR"] + "/s")
            server.listen()
            server.accept()[0].send(b"hello")
        """
        handle = bench.start(bench.workload(script, socket=True))
        path = bench.backend.instance_directory(handle, "algo-1") / "run" / "s"
        with socket.socket(socket.AF_UNIX) as client:
            eventually(lambda: connects(client, path))
            assert client.recv(100) == b"hello"
        assert only(bench.wait(handle)).exit_code == 0

    def test_several_hosts_talk(self, bench: Bench) -> None:
        if not self.hosts_talk:
            pytest.skip("this backend's hosts share no network of their own")
        script = """
            import os, socket, time
            me = socket.gethostname()
            assert os.environ["HOSTNAME"] == me
            if me == "algo-1":
                server = socket.create_server(("algo-1", 7777))
                peer, address = server.accept()
                print(peer.recv(100).decode(), address[0] in ("10.0.0.1", "10.0.0.2"))
            else:
                for _ in range(3000):
                    try:
                        socket.create_connection(("algo-1", 7777)).send(f"from {me}".encode())
                        break
                    except ConnectionRefusedError:
                        time.sleep(0.01)
                print([name for _, name in socket.if_nameindex()], open("../input/rank").read())
        """
        hosts = ("algo-1", "algo-2")
        ranks = {host: {"/opt/ml/input/rank": str(rank)} for rank, host in enumerate(hosts)}
        workload = bench.workload(script, hosts=hosts, host_files=ranks)
        report = bench.wait(bench.start(workload))
        assert [instance.exit_code for instance in report.instances] == [0, 0], report
        assert bench.lines(workload, 0) == ["from algo-2 True"]
        assert bench.lines(workload, 1) == ["['lo', 'eth0peer', 'eth0'] 1"]

    def test_one_failing_host_does_not_hide_the_other(self, bench: Bench) -> None:
        if not self.hosts_talk:
            pytest.skip("this backend's hosts share no network of their own")
        script = "import socket, sys; sys.exit(int(socket.gethostname()[-1]) - 1)"
        report = bench.wait(bench.start(bench.workload(script, hosts=("algo-1", "algo-2"))))
        assert [instance.exit_code for instance in report.instances] == [0, 1]

    def test_the_end_is_an_interpreters(self, bench: Bench) -> None:
        script = """
            import atexit, sys, threading, time
            class Last:
                def __del__(self):
                    print("deleted", flush=True)
            last, file = Last(), open("../model/unflushed", "w")
            file.write("kept")
            atexit.register(print, "exit handler")
            threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
            sys.stdout.write("main")
            sys.exit("said at the end")
        """
        report, lines = bench.run(script, outputs=(Output("model", "/opt/ml/model", pack=False),))
        instance = only(report)
        assert instance.exit_code == 1
        assert "".join(lines) == "mainsaid at the endthreadexit handlerdeleted"
        assert Path(instance.outputs["model"], "unflushed").read_text() == "kept"

"""What a job must not reach: part of ``BackendCase``."""

from __future__ import annotations

import json
import os
import re
import socket
import tarfile
from pathlib import Path

import pytest

from sagewright.backends.base import Input, InputFile, Output
from sagewright.testing import escapes
from sagewright.testing.runs import Bench, only


class IsolationCase:
    """``isolated`` False leaves out what a backend without a sandbox does not promise."""

    isolated = True

    def test_a_job_sees_nothing_of_the_machine_or_of_other_jobs(self, bench: Bench) -> None:
        if not self.isolated:
            pytest.skip("this backend isolates nothing")
        secret = bench.place / "secret"
        secret.write_text("of the server")
        with socket.create_server(("127.0.0.1", 0)) as server:
            script = f"""
                import os, socket, subprocess
                def denied(act):
                    try:
                        return act()
                    except (OSError, subprocess.SubprocessError) as error:
                        return "denied"
                print(denied(lambda: open({str(secret)!r}).read()))
                print(denied(lambda: socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 5)))
                print(denied(lambda: socket.create_connection(("192.0.2.1", 80), 5)))
                print(denied(lambda: open({bench.environment!r} + "/bin/python", "ab")))
                print(denied(lambda: open("/usr/bin/env", "ab")))
                print(denied(lambda: subprocess.run(["unshare", "--user", "true"], check=True, stderr=-3)))
                status = dict(line.split(":", 1) for line in open("/proc/self/status"))
                print(int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"].strip())
                print(os.getuid(), os.path.exists("/etc/shadow"), sum(p.isdigit() for p in os.listdir("/proc")) < 4)
                print(os.environ["HOME"], os.getcwd(), socket.gethostbyname("algo-1"))
            """
            _, lines = bench.run(script)
        assert lines[:6] == ["denied"] * 6
        assert lines[6:] == ["0 0 1", "0 False True", "/root /opt/ml/code 127.0.0.1"]

    def test_a_job_reaches_no_process_but_its_own(self, bench: Bench) -> None:
        if not self.isolated:
            pytest.skip("this backend isolates nothing")
        other = bench.workload(
            """
            import time
            for place in ("/opt/ml/model", "/tmp", "/root"):
                open(place + "/secret", "w").write("x")
            print("ready")
            time.sleep(600)
            """
        )
        handle = bench.start(other)
        bench.wait_for_line(other, "ready")
        secret = bench.backend.instance_directory(handle, "algo-1") / "ml/model/secret"
        agent = int((bench.backend.instance_directory(handle, "algo-1") / "agent.pid").read_text().split()[1])
        script = f"""
            import ctypes, os, stat, subprocess
            ptrace = ctypes.CDLL(None, use_errno=True).ptrace
            for pid in ({os.getpid()}, {agent}):
                try:
                    os.kill(pid, 0)
                    print("reached")
                except ProcessLookupError:
                    print("not there", ptrace(16, pid, 0, 0))
            places = ({str(secret)!r}, "/opt/ml/model/secret", "/tmp/secret", "/root/secret")
            print([place for place in places if os.path.exists(place)])
            kinds = {{stat.S_IFMT(os.stat(f"/proc/self/fd/{{n}}").st_mode) for n in (1, 2)}}
            print(kinds == {{stat.S_IFIFO}}, os.readlink("/proc/self/fd/0"), len(os.listdir("/proc/self/fd")))
            print([line for line in open("/proc/self/maps") if line.split()[1] == "rw-s"])
            print(sum("@" in line or "/" in line.split()[-1] for line in list(open("/proc/net/unix"))[1:]))
            status = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
            status = dict(line.split(":\\t", 1) for line in status.splitlines())
            print(*(int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")))
            print(status["NoNewPrivs"], status["Seccomp"], status["Uid"].split())
            spaces = ("user", "mnt", "pid", "net", "ipc", "uts")
            print(*(os.readlink("/proc/self/ns/" + name) for name in spaces))
        """
        _, lines = bench.run(script)
        assert lines[:2] == ["not there -1"] * 2
        assert lines[2:8] == ["[]", "True /dev/null 4", "[]", "0", "0 0 0 0 0", "1 2 ['0', '0', '0', '0']"]
        ours = [str(Path("/proc/self/ns", name).readlink()) for name in ("user", "mnt", "pid", "net", "ipc", "uts")]
        assert len({*lines[8].split(), *ours}) == 12

    def test_no_known_way_leads_out(self, bench: Bench) -> None:
        if not self.isolated:
            pytest.skip("this backend isolates nothing")
        report, lines = bench.run(escapes.script())
        assert only(report).exit_code == 0, lines
        outcomes: dict[str, str] = json.loads(lines[-1])
        assert outcomes.keys() == escapes.WAYS.keys()
        expected = {name: right for name, (_, right) in escapes.WAYS.items()}
        assert not {name: outcome for name, outcome in outcomes.items() if not re.fullmatch(expected[name], outcome)}

    def test_a_job_hears_nothing_of_the_machines_abstract_sockets(self, bench: Bench) -> None:
        if not self.isolated:
            pytest.skip("this backend isolates nothing")
        name = f"sagewright-{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"\0{name}")
            server.listen()
            script = f"""
                import errno, socket
                print(errno.errorcode[socket.socket(socket.AF_UNIX).connect_ex("\\0{name}")])
            """
            assert bench.run(script)[1] == ["ECONNREFUSED"]

    def test_what_a_job_does_to_its_inputs_is_done_to_copies(self, bench: Bench) -> None:
        if not self.isolated:
            pytest.skip("this backend isolates nothing")
        source = bench.place / "object"
        source.write_bytes(b"of the store")
        source.chmod(0o444)
        before = source.stat()
        script = """
            import os
            os.chdir("../input/data/train")
            os.link("x", "/opt/ml/model/x")
            os.chmod("x", 0o6777)
            os.utime("x", (0, 0))
            with open("x", "r+b") as file:
                file.write(b"changed")
                os.ftruncate(file.fileno(), 3)
            os.unlink("x")
            print("done")
        """
        channel = Input("/opt/ml/input/data/train", (InputFile("x", str(source), 12),))
        assert bench.run(script, inputs=(channel,))[1] == ["done"]
        after = source.stat()
        assert source.read_bytes() == b"of the store"
        assert (after.st_mode, after.st_mtime_ns, after.st_nlink, after.st_uid) == (
            before.st_mode, before.st_mtime_ns, 1, before.st_uid,
        )  # fmt: skip

    def test_what_a_job_leaves_behind_steers_nothing(self, bench: Bench) -> None:
        """A daemon that ignores signals would swap a directory for a link while outputs are collected."""
        if not self.isolated:
            pytest.skip("this backend isolates nothing")
        secrets = bench.place / "secrets"
        secrets.mkdir()
        (secrets / "a").write_text("of the server")
        script = f"""
            import os, signal, stat, sys
            os.chdir("/opt/ml/model")
            os.makedirs("d")
            open("d/a", "w").write("mine")
            os.symlink({str(secrets)!r}, "l")
            open("program", "w").write("#!/bin/sh")
            os.chmod("program", 0o6755)
            open("n\\nl " + "x" * 200, "w")
            open(b"\\xff\\xfe", "w")
            os.mkfifo("pipe")
            os.symlink("loop", "loop")
            os.symlink("/proc/self/root/etc/shadow", "shadow")
            reader, writer = os.pipe()
            if os.fork() == 0:
                os.setsid()
                if os.fork():
                    os._exit(0)
                for number in range(1, 65):
                    try:
                        signal.signal(number, signal.SIG_IGN)
                    except (OSError, ValueError):
                        pass
                os.write(writer, b"x")
                while True:
                    os.rename("d", "t")
                    os.rename("l", "d")
                    os.rename("d", "l")
                    os.rename("t", "d")
            os.read(reader, 1)
        """
        outputs = (Output("model.tar.gz", "/opt/ml/model"), Output("tree", "/opt/ml/model", pack=False))
        handle = bench.start(bench.workload(script, outputs=outputs))
        instance = only(bench.wait(handle))
        assert instance.reason == ""
        with tarfile.open(instance.outputs["model.tar.gz"]) as archive:
            members = archive.getmembers()
            contents = [file.read() for member in members if (file := archive.extractfile(member))]
        names = {member.name.rpartition("/")[0] or member.name for member in members}
        assert names <= {"d", "t", "l", "program", "n\nl " + "x" * 200, "\udcff\udcfe"}
        assert {"program", "n\nl " + "x" * 200, "\udcff\udcfe"} <= names
        assert all(member.mode <= 0o777 for member in members)
        written = [path.read_bytes() for path in Path(instance.outputs["tree"]).rglob("*") if path.is_file()]
        assert b"of the server" not in contents + written
        assert not any(path.is_symlink() for path in Path(instance.outputs["tree"]).rglob("*"))

    def test_a_job_that_kills_all_it_can_reach_ends_only_itself(self, bench: Bench) -> None:
        if not self.isolated:
            pytest.skip("this backend isolates nothing")
        other = bench.workload("import time; print('ready'); time.sleep(600)")
        running = bench.start(other)
        bench.wait_for_line(other, "ready")
        report, _ = bench.run(
            "import os, signal, sys; os.fork() or signal.pause(); os.kill(-1, signal.SIGKILL); sys.exit(7)"
        )
        assert only(report).exit_code in (7, 137)
        assert report.stage == "ended"
        assert bench.backend.poll(running).stage == "running"

    def test_random_numbers_differ_between_jobs(self, bench: Bench) -> None:
        script = """
            import random, sys, uuid
            print(random.random(), uuid.uuid4())
            if "numpy.random" in sys.modules:
                print(sys.modules["numpy.random"].random())
        """
        printed = [line for _ in range(3) for line in bench.run(script)[1]]
        assert len(printed) == len(set(printed)) > 2

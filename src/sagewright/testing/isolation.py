"""What a job must not reach: part of what every backend promises (``BackendCase``)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sagewright.testing.runs import Bench


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
        theirs = bench.backend.instance_directory(handle, "algo-1") / "ml/model/secret"
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
            places = ({str(theirs)!r}, "/opt/ml/model/secret", "/tmp/secret", "/root/secret")
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

    def test_random_numbers_differ_between_jobs(self, bench: Bench) -> None:
        script = """
            import random, sys, uuid
            print(random.random(), uuid.uuid4())
            if "numpy.random" in sys.modules:
                print(sys.modules["numpy.random"].random())
        """
        said = [line for _ in range(3) for line in bench.run(script)[1]]
        assert len(said) == len(set(said)) > 2

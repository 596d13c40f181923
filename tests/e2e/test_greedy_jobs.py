"""Jobs that take all they can, at once: each ends as it should, and the server and an endpoint go on answering."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from tests.kit.endpoints import Endpoints
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs
from tests.kit.servers import client, jobs_of

from sagewright.testing.server import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LOG_MIB = 16
LIMITS = {"SAGEWRIGHT_PROCESS_LIMIT": "64", "SAGEWRIGHT_LOG_LIMIT_MB": str(LOG_MIB), "SAGEWRIGHT_MAX_INSTANCES": "16"}
SLOWEST_SECONDS = 20.0

# name: (script, seconds that it may run, how it ends, what its FailureReason has in it)
GREEDY = {
    "forks": (
        "import os, time\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.02)",
        6, "Stopped", "",
    ),
    "disk": (
        # Slower than a disk could allocate: between two looks of the agent it must not fill a real one.
        "import os, time\nfor n in range(9999):\n    os.posix_fallocate(os.open(f'/tmp/{n}', 66, 0o600), 0, 8 << 20)\n"
        "    os.closerange(3, 64)\n    time.sleep(0.01)",
        300, "Failed", "MiB of 1024 MiB limit",
    ),
    "line": (
        "import sys\nfor _ in range(1024):\n    sys.stdout.write('x' * (1 << 20))\nprint('\\nthe end')",
        300, "Completed", "",
    ),
    "flood": ("while True:\n    print('y' * 100)", 6, "Stopped", ""),
    "spin": ("import threading\nfor _ in range(4):\n    threading.Thread(target=exec, args=('while 1: 0',)).start()",
             6, "Stopped", ""),
    "files": (
        "import os\nfor n in range(100_000):\n    os.close(os.open(f'/tmp/{n}', os.O_CREAT))", 300, "Completed", "",
    ),
    "descriptors": ("import os\nheld = [os.dup(1) for _ in range(100_000)]", 300, "Failed", "Too many open files"),
    "holes": ("open('/opt/ml/model/m', 'wb').truncate(1 << 40)", 300, "Failed", "more than the 1024 MiB"),
}  # fmt: skip


def test_greedy_jobs_are_bounded_and_others_are_served(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", ephemeral=False, env=LIMITS)
    with server:
        jobs = jobs_of(server)
        endpoints = Endpoints(jobs, client(server, "sagemaker-runtime"))
        endpoint = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("steady")}))
        endpoints.wait(endpoint)
        ended = threading.Event()
        slowest = {"invoke": 0.0, "describe": 0.0, "put": 0.0}
        wrong: list[str] = []

        def use() -> None:
            describe = client(server, "sagemaker").describe_endpoint
            put = client(server, "s3").put_object
            while not ended.is_set():
                for name, act in (
                    ("invoke", lambda: json.loads(endpoints.ask(endpoint)[1])["answer"] == "steady"),
                    ("describe", lambda: describe(EndpointName=endpoint)["EndpointStatus"] == "InService"),
                    ("put", lambda: put(Bucket=jobs.bucket, Key="k", Body=b"x" * 9999)),
                ):
                    begun = time.monotonic()
                    try:
                        if not act():
                            wrong.append(name)
                    except Exception as error:  # told by the test
                        wrong.append(f"{name}: {error!r}")
                    slowest[name] = max(slowest[name], time.monotonic() - begun)

        user = threading.Thread(target=use, daemon=True)
        user.start()
        names = {
            name: jobs.start(script, StoppingCondition={"MaxRuntimeInSeconds": seconds})
            for name, (script, seconds, _, _) in GREEDY.items()
        }
        found = {name: jobs.wait(job, seconds=300) for name, job in names.items()}
        after = jobs.run("print('undisturbed')")
        ended.set()
        user.join(60)
        print(f"the longest that users waited, in seconds: {slowest}")
        assert not wrong
        assert max(slowest.values()) < SLOWEST_SECONDS
        assert after["TrainingJobStatus"] == "Completed"
        for name, (_, _, status, reason) in GREEDY.items():
            job = found[name]
            assert job["TrainingJobStatus"] == status, (name, job.get("FailureReason"), job)
            assert reason in job.get("FailureReason", ""), (name, job)
        assert last_line(jobs, names["line"]) == "the end"
        eventually(lambda: len(list(server.data_dir.glob("runs/*"))) == 1, what=lambda: "the runs are not removed")
        eventually(
            lambda: (
                sum(path.stat().st_blocks * 512 for path in server.data_dir.rglob("*") if path.is_file())
                < (3 * LOG_MIB + 24) << 20
            ),
            what=lambda: "the disk is not given back",
        )
        jobs.sagemaker.delete_endpoint(EndpointName=endpoint)
        eventually(lambda: not list(server.data_dir.glob("runs/*")), what=lambda: "the endpoint's run is not removed")
    eventually(lambda: not server.leftovers(), what=lambda: str(server.leftovers()))


def last_line(jobs: Jobs, name: str) -> str:
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = jobs.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    page = jobs.logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=1)
    return str(page["events"][-1]["message"])

"""requirements.txt in every form that pip takes, and what a job without a network is told of those that need one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kit.jobs import Jobs
from tests.kit.servers import jobs_of

from sagewright.testing.server import ServerProcess

SETUP = "from setuptools import setup\nsetup(name='own', version='1.0', py_modules=['own'])\n"
OWN = {"own/setup.py": SETUP, "own/own.py": "A = 1\n"}
SHOW = "from importlib.metadata import version\nprint('has', version(WHAT))\n"


@pytest.fixture(scope="module")
def jobs(server: ServerProcess) -> Jobs:
    return jobs_of(server)


CASES: dict[str, tuple[str, str | bytes, dict[str, str]]] = {
    "a file beside it": ("iniconfig", "-r more/base.txt\n", {"more/base.txt": "iniconfig==2.0.0\n"}),
    "versions of a file": ("iniconfig", "-c limits.txt\niniconfig\n", {"limits.txt": "iniconfig==2.0.0\n"}),
    "a byte order mark": ("iniconfig", "iniconfig==2.0.0\r\n".encode("utf-8-sig"), {}),
    "UTF-16": ("iniconfig", "iniconfig==2.0.0\r\n".encode("utf-16"), {}),
    "a package of the code": ("own", "iniconfig\n./own\n", OWN),
    "an editable package": ("own", "-e ./own\n", OWN),
}


@pytest.mark.parametrize("case", CASES)
def test_a_job_has_what_its_requirements_say(jobs: Jobs, case: str) -> None:
    package, text, files = CASES[case]
    script = SHOW.replace("WHAT", repr(package)) + (f"import {package}" if package == "own" else "")
    name = jobs.start(script, files={"requirements.txt": text, **files})
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    log = jobs.log(name)
    assert f"has {'1.0' if package == 'own' else '2.0.0'}" in log
    assert any("installed by the job itself" in line for line in log) == (package == "own")


def test_a_package_of_the_code_is_built_without_a_network(jobs: Jobs) -> None:
    setup = "from setuptools import setup\nsetup(name='own', version='1.0', packages=['own'], py_modules=['train'])\n"
    name = jobs.start("import own\nprint('ran', own.A)\n", files={"setup.py": setup, "own/__init__.py": "A = 1\n"})
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "ran 1" in jobs.log(name)


@pytest.mark.parametrize("line", ["x @ http://127.0.0.1:9/x.whl", "git+https://127.0.0.1:9/x", "docopt==0.6.2"])
@pytest.mark.parametrize("isolated", [True, False])
def test_a_line_that_needs_a_network_is_named(jobs: Jobs, line: str, isolated: bool) -> None:
    job = jobs.run("print('ran')", files={"requirements.txt": f"{line}\n"}, EnableNetworkIsolation=isolated)
    assert job["TrainingJobStatus"] == "Failed"
    assert line in job["FailureReason"]
    assert "SAGEWRIGHT_JOB_NETWORK=host" in job["FailureReason"]


def test_what_a_package_of_the_code_needs_and_the_job_lacks_is_named(jobs: Jobs) -> None:
    setup = SETUP.replace(")\n", ", install_requires=['nowhere-to-be-found'])\n")
    job = jobs.run("print('ran')", files={"requirements.txt": "./own\n", **OWN, "own/setup.py": setup})
    assert job["TrainingJobStatus"] == "Failed"
    assert "nowhere-to-be-found" in job["FailureReason"]
    assert "reaches no package index" in job["FailureReason"]


def test_the_file_that_sdk_v3_names_is_installed(jobs: Jobs) -> None:
    code = jobs.put({"train.py": "import iniconfig\nprint('ran')\n", "deep/reqs.txt": "iniconfig==2.0.0\n"})
    command = "cd /opt/ml/input/data/code && python3 -m pip install -r deep/reqs.txt && python3 train.py"
    drivers = jobs.put({"sm_train.sh": f"#!/bin/bash\nset -e\n{command}\n"})
    channels = [
        {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
        for name, uri in (("code", code), ("sm_drivers", drivers))
    ]
    entry = ["/bin/bash", "/opt/ml/input/data/sm_drivers/sm_train.sh"]
    algorithm = {"TrainingImage": jobs.image, "TrainingInputMode": "File", "ContainerEntrypoint": entry}
    name = jobs.start("", InputDataConfig=channels, AlgorithmSpecification=algorithm, HyperParameters={})
    assert jobs.wait(name)["TrainingJobStatus"] == "Completed"
    assert "ran" in jobs.log(name)


def test_a_cache_directory_that_cannot_be_written_is_said_and_fails_each_job_once(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, where a directory is to be made")
    with ServerProcess(tmp_path / "data", env={"SAGEWRIGHT_CACHE_DIR": str(tmp_path / "cache/below")}) as broken:
        assert "environments cannot be built in" in broken.log_tail()
        jobs = jobs_of(broken)
        job = jobs.run("print('ran')")
        assert job["TrainingJobStatus"] == "Failed"
        assert "environment cannot be built" in job["FailureReason"]
        assert broken.log.read_text().count("Traceback") == 0

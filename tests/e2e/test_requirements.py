"""requirements.txt in every form that pip takes, and what a job without a network is told of those that need one."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.kit.endpoints import SKLEARN, Endpoints
from tests.kit.jobs import ROLE, Jobs, archive
from tests.kit.package_index import PackageIndex, source_of
from tests.kit.processing import CODE, Processing
from tests.kit.servers import client, jobs_of
from tests.kit.transforms import Transforms

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


@pytest.mark.parametrize("line", ["x @ http://127.0.0.1:9/x.whl", "git+https://127.0.0.1:9/x"])
@pytest.mark.parametrize("isolated", [True, False])
def test_a_line_that_needs_a_network_is_named(jobs: Jobs, line: str, isolated: bool) -> None:
    job = jobs.run("print('ran')", files={"requirements.txt": f"{line}\n"}, EnableNetworkIsolation=isolated)
    assert job["TrainingJobStatus"] == "Failed"
    assert line in job["FailureReason"]
    assert "SAGEWRIGHT_JOB_NETWORK=host" in job["FailureReason"]


@pytest.mark.slow
@pytest.mark.parametrize("network", ["server", "host"])
def test_a_package_without_a_wheel_is_built_by_the_job(tmp_path: Path, network: str) -> None:
    index = PackageIndex(source_of("from_source"), source_of("needs_it", "install_requires=['from_source']"))
    env = {"SAGEWRIGHT_JOB_NETWORK": network, "PIP_EXTRA_INDEX_URL": index.url}
    with ServerProcess(tmp_path / "data", env=env) as running:
        jobs = jobs_of(running)
        name = jobs.start("import from_source\nprint('ran')\n", files={"requirements.txt": "from_source==1.0\n"})
        other = jobs.start("import needs_it, from_source", files={"requirements.txt": "needs_it\n"})
        job = jobs.wait(name)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        log = jobs.log(name)
        assert "ran" in log
        assert "sagewright: installed by the job itself: from_source==1.0" in log
        # What only setup.py says that it needs is known when it runs, and then a job without an index lacks it.
        job = jobs.wait(other)
        assert job["TrainingJobStatus"] == ("Completed" if network == "host" else "Failed")
        assert network == "host" or "No matching distribution found for from_source" in job["FailureReason"]
    index.close()


def wheel() -> bytes:
    """A wheel of a package of one module."""
    info = "wheeled-1.0.dist-info"
    files = {
        "wheeled.py": "A = 1\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: wheeled\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return buffer.getvalue()


MIXED: dict[str, str | bytes] = {
    "requirements.txt": "iniconfig\n./own\n./wheeled-1.0-py3-none-any.whl\n",
    "wheeled-1.0-py3-none-any.whl": wheel(),
    **OWN,
}
SERVE = """
import iniconfig, own, wheeled
def model_fn(directory):
    return own.A + wheeled.A
def transform_fn(model, body, content_type, accept):
    return f"sum {model}", "text/csv"
"""


def model(jobs: Jobs, requirements: str | None = None, *, packed: bool = True, **more: Any) -> str:
    """A model whose code needs packages of all kinds."""
    name = f"mixed-{uuid.uuid4().hex[:8]}"
    files = {"inference.py": SERVE, **MIXED, **({"requirements.txt": requirements} if requirements else {})}
    if packed:
        body = archive({f"code/{file}": text for file, text in files.items()})
        container: dict[str, Any] = {"ModelDataUrl": jobs.put({"model.tar.gz": body}, name) + "/model.tar.gz"}
    else:
        uri = jobs.put({f"code/{file}": text for file, text in files.items()}, name) + "/"
        source = {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}}
        container = {"ModelDataSource": source}
    container |= {"Image": SKLEARN, "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}
    jobs.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE, **more)
    return name


@pytest.mark.slow
@pytest.mark.parametrize("packed", [True, False])
def test_an_endpoint_has_what_its_requirements_say(server: ServerProcess, jobs: Jobs, packed: bool) -> None:
    endpoints = Endpoints(jobs, client(server, "sagemaker-runtime"))
    name = endpoints.create(endpoints.config(one={"ModelName": model(jobs, packed=packed)}))
    endpoints.wait(name)
    assert endpoints.ask(name)[1] == "sum 2"
    jobs.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["git+https://127.0.0.1:9/x", "x @ http://127.0.0.1:9/x.whl"])
def test_an_endpoint_or_a_transform_job_that_cannot_reach_a_line_says_so(
    server: ServerProcess, jobs: Jobs, line: str
) -> None:
    name = model(jobs, f"{line}\n")
    endpoints = Endpoints(jobs, client(server, "sagemaker-runtime"))
    endpoint = endpoints.create(endpoints.config(one={"ModelName": name}))
    job, _ = Transforms(jobs, name).run({"a.csv": "1\n"})
    for reason in (endpoints.wait(endpoint, "Failed")["FailureReason"], job["FailureReason"]):
        assert line in reason
        assert "SAGEWRIGHT_JOB_NETWORK=host" in reason
    jobs.sagemaker.delete_endpoint(EndpointName=endpoint)


@pytest.mark.slow
def test_a_transform_job_has_what_its_requirements_say(jobs: Jobs) -> None:
    written = Transforms(jobs, model(jobs)).completed({"a.csv": "1\n"})
    assert written["a.csv.out"].strip() == b"sum 2"


RUN = (
    "#!/bin/bash\ncd /opt/ml/processing/input/code && tar -xzf sourcedir.tar.gz && pip install -r requirements.txt && "
)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["", "git+https://127.0.0.1:9/x"])
def test_a_processing_job_has_what_its_requirements_say(jobs: Jobs, line: str) -> None:
    processing = Processing(jobs)
    files = {"main.py": "import iniconfig, own, wheeled\nprint('sum', own.A + wheeled.A)\n", **MIXED}
    bundle = archive({**files, **({"requirements.txt": line} if line else {})})
    code = jobs.put({"sourcedir.tar.gz": bundle, "runproc.sh": f"{RUN}python main.py\n"})
    request = processing.request("", inputs={"code": {"S3Uri": code, "LocalPath": CODE}})
    request["AppSpecification"]["ContainerEntrypoint"] = ["/bin/bash", f"{CODE}/runproc.sh"]
    jobs.sagemaker.create_processing_job(**request)
    job = processing.wait(request["ProcessingJobName"])
    if line:
        assert line in job["FailureReason"]
        assert "SAGEWRIGHT_JOB_NETWORK=host" in job["FailureReason"]
    else:
        assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
        assert "sum 2" in processing.log(request["ProcessingJobName"])


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
    cache = tmp_path / "cache"
    with ServerProcess(tmp_path / "data", env={"SAGEWRIGHT_CACHE_DIR": str(cache)}) as broken:
        shutil.rmtree(cache / "environments")
        (cache / "environments").write_text("a file, where a directory was")
        jobs = jobs_of(broken)
        job = jobs.run("print('ran')")
        assert job["TrainingJobStatus"] == "Failed"
        assert "environment cannot be built" in job["FailureReason"]
        assert broken.log.read_text().count("Traceback") == 0
    env = {**os.environ, "SAGEWRIGHT_CACHE_DIR": str(cache)}
    doctor = [sys.executable, "-m", "sagewright", "doctor"]
    said = subprocess.run(doctor, env=env, capture_output=True, text=True, check=False).stdout
    assert "MISS  environments: environments cannot be built in" in said
    with ServerProcess(tmp_path / "data", env=env) as broken:
        assert "environments cannot be built in" in broken.log_tail()

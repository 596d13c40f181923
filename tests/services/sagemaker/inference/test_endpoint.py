"""Endpoints through boto3: several variants and instances, updates beside the old fleet, failures that say why."""

from __future__ import annotations

import os
import re
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.endpoints import INFERENCE, SKLEARN, Endpoints
from tests.kit.eventually import eventually
from tests.kit.jobs import PYTHON, ROLE, Jobs, archive

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def endpoints(jobs: Jobs, client: Callable[..., Any]) -> Iterator[Endpoints]:
    made = Endpoints(jobs, client("sagemaker-runtime"))
    yield made
    for name in made.made:
        with suppress(ClientError):
            jobs.sagemaker.delete_endpoint(EndpointName=name)


def test_variants_share_the_traffic_by_weight_and_each_can_be_asked_for(endpoints: Endpoints) -> None:
    config = endpoints.config(
        old={"ModelName": endpoints.model("old"), "InitialVariantWeight": 3.0, "InitialInstanceCount": 2},
        new={"ModelName": endpoints.model("new"), "InitialVariantWeight": 1.0},
    )
    name = endpoints.create(config)
    assert endpoints.jobs.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"
    described = endpoints.wait(name)
    assert {each["VariantName"]: each["CurrentInstanceCount"] for each in described["ProductionVariants"]} == {
        "old": 2,
        "new": 1,
    }
    answers = [endpoints.ask(name) for _ in range(200)]
    share = Counter(variant for variant, _ in answers)
    assert 110 < share["old"] < 185, share
    assert all(f'"answer": "{variant}"' in body for variant, body in answers)
    workers = {re.search(r'"pid": (\d+)', body)[1] for variant, body in answers if variant == "old"}  # type: ignore[index]
    assert workers, "the instances answer"
    assert {endpoints.ask(name, TargetVariant="new")[0] for _ in range(5)} == {"new"}
    with pytest.raises(ClientError, match="nothere"):
        endpoints.ask(name, TargetVariant="nothere")


def test_a_model_and_its_code_may_lie_behind_https_urls_of_s3(endpoints: Endpoints) -> None:
    jobs, name = endpoints.jobs, f"model-{uuid.uuid4().hex[:10]}"
    jobs.put({"model.tar.gz": archive({"answer.txt": "x"}), "code.tar.gz": archive({"inference.py": INFERENCE})}, name)
    container = {
        "Image": SKLEARN,
        "ModelDataUrl": f"https://{jobs.bucket}.s3.amazonaws.com/{name}/model.tar.gz",
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"https://s3.eu-west-1.amazonaws.com/{jobs.bucket}/{name}/code.tar.gz",
        },
    }
    jobs.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    endpoint = endpoints.create(endpoints.config(main={"ModelName": name}))
    endpoints.wait(endpoint)
    assert '"answer": "x"' in endpoints.ask(endpoint)[1]


def test_a_models_error_is_a_model_error_with_the_traceback(endpoints: Endpoints) -> None:
    name = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("x")}))
    endpoints.wait(name)
    with pytest.raises(endpoints.runtime.exceptions.ModelError) as error:
        endpoints.ask(name, '"raise"')
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error.value.response["OriginalStatusCode"] == 500
    assert "no answer to that" in error.value.response["OriginalMessage"]
    assert endpoints.ask(name)[1], "it goes on answering"


def test_updating_switches_without_a_gap_and_a_bad_update_keeps_the_old(endpoints: Endpoints) -> None:
    sagemaker = endpoints.jobs.sagemaker
    first = endpoints.config(main={"ModelName": endpoints.model("first")})
    second = endpoints.config(main={"ModelName": endpoints.model("second")})
    broken = endpoints.config(main={"ModelName": endpoints.model("x", "def model_fn(d): raise OSError('cannot load')")})
    name = endpoints.create(first)
    endpoints.wait(name)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=second)
    seen: list[str] = []
    while not seen or "second" not in seen[-1]:
        with ThreadPoolExecutor(4) as several:
            seen += [body for _, body in several.map(lambda _: endpoints.ask(name), range(16))]
        assert len(seen) < 100_000
    assert endpoints.wait(name)["EndpointConfigName"] == second
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=first)
    described = endpoints.wait(name)
    assert described["EndpointConfigName"] == second
    assert "cannot load" in described["FailureReason"]
    assert "second" in endpoints.ask(name)[1]


def test_a_variable_that_cannot_be_set_fails_the_endpoint_with_its_name(endpoints: Endpoints) -> None:
    name = f"model-{uuid.uuid4().hex[:10]}"
    container = {"Image": PYTHON, "Environment": {"GREETING": "hel\0lo"}}
    endpoints.jobs.sagemaker.create_model(ModelName=name, PrimaryContainer=container)
    described = endpoints.wait(endpoints.create(endpoints.config(main={"ModelName": name})), "Failed")
    assert described["FailureReason"] == "'GREETING' cannot be set as an environment variable"


def test_a_server_that_does_not_load_fails_with_what_it_printed(endpoints: Endpoints) -> None:
    code = (
        "def model_fn(model_dir):\n    print(r'looking for the weights in a\\b')\n"
        "    raise FileNotFoundError('weights.bin')\n"
    )
    name = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("x", code)}))
    described = endpoints.wait(name, "Failed")
    assert "did not pass the ping health check" in described["FailureReason"]
    assert "weights.bin" in described["FailureReason"]
    assert r"looking for the weights in a\b" in described["FailureReason"]
    with pytest.raises(ClientError, match=f"Endpoint {name} of account 123456789012 not found"):
        endpoints.ask(name)


def test_a_killed_model_server_is_replaced(endpoints: Endpoints, server: Any) -> None:
    name = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("x")}))
    endpoints.wait(name)
    endpoints.ask(name)
    agents = [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and f"{server.data_dir}/runs/" in _command(folder)
    ]
    assert agents
    for pid in agents:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in agents), what=lambda: "they outlive a kill")

    def answers() -> bool:
        with suppress(ClientError):
            return bool(endpoints.ask(name))
        return False

    eventually(answers, what=lambda: "no model server came back", seconds=60)


def _command(folder: Path) -> str:
    with suppress(OSError):
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def test_deleting_ends_the_endpoint_and_frees_its_name(endpoints: Endpoints) -> None:
    sagemaker = endpoints.jobs.sagemaker
    config = endpoints.config(main={"ModelName": endpoints.model("x")})
    name = endpoints.create(config)
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    with pytest.raises(ClientError, match=r'Could not find endpoint "arn:.*"') as error:
        sagemaker.describe_endpoint(EndpointName=name)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    endpoints.made.append(name)
    endpoints.wait(name)


def test_what_has_no_effect_is_in_the_log_and_a_deployment_is_described(endpoints: Endpoints) -> None:
    sagemaker = endpoints.jobs.sagemaker
    name = f"noted-{uuid.uuid4().hex[:8]}"
    variant = {"VariantName": "main", "ModelName": endpoints.model("x")}
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 2}}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, **serverless}], KmsKeyId="alias/mine"
    )
    at_once = {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    }
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, DeploymentConfig=at_once)
    endpoints.made.append(name)
    described = endpoints.wait(name)
    assert described["LastDeploymentConfig"] == at_once
    (image,) = described["ProductionVariants"][0]["DeployedImages"]
    assert described["CreationTime"] <= image["ResolutionTime"] <= described["LastModifiedTime"]
    assert sagemaker.describe_endpoint_config(EndpointConfigName=name)["KmsKeyId"] == "alias/mine"
    logs, group = endpoints.jobs.logs, f"/aws/sagemaker/Endpoints/{name}"
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
    assert [event["message"].split(" has no effect here: ")[0] for event in events["events"][:2]] == [
        "[sagewright] KmsKeyId",
        "[sagewright] ProductionVariants.ServerlessConfig.MaxConcurrency",
    ]
    canary = {"Type": "CANARY", "WaitIntervalInSeconds": 0, "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    with pytest.raises(ClientError, match="is not supported yet"):
        sagemaker.update_endpoint(
            EndpointName=name,
            EndpointConfigName=name,
            DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary}},
        )
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=name, RetainDeploymentConfig=True)
    assert endpoints.wait(name)["LastDeploymentConfig"] == at_once
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=name)
    assert "LastDeploymentConfig" not in endpoints.wait(name)


def test_what_cannot_work_is_refused(endpoints: Endpoints) -> None:
    sagemaker, bucket = endpoints.jobs.sagemaker, endpoints.jobs.bucket
    model = endpoints.model("x")
    with pytest.raises(ClientError, match='Cannot create already existing model "arn:'):
        sagemaker.create_model(ModelName=model, PrimaryContainer={"Image": SKLEARN})
    absent = {"Image": SKLEARN, "ModelDataUrl": f"s3://{bucket}/no/model.tar.gz"}
    with pytest.raises(ClientError, match=f"Could not find model data at s3://{bucket}/no/model.tar.gz"):
        sagemaker.create_model(ModelName="nope", PrimaryContainer=absent, ExecutionRoleArn=ROLE)
    with pytest.raises(ClientError, match='Could not find model "arn:'):
        endpoints.config(main={"ModelName": "nope"})
    with pytest.raises(ClientError, match='Could not find endpoint configuration "arn:'):
        sagemaker.create_endpoint(EndpointName="nope", EndpointConfigName="nope")
    with pytest.raises(ClientError, match="Endpoint nope of account 123456789012 not found") as error:
        endpoints.ask("nope")
    assert error.value.response["Error"]["Code"] == "ValidationError"
    sagemaker.delete_model(ModelName=model)
    with pytest.raises(ClientError, match='Could not find model "arn:'):
        sagemaker.describe_model(ModelName=model)

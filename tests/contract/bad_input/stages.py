"""Valid requests for every served operation, and the resources they speak of."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from tests.contract.bad_input import triggers
from tests.contract.bad_input.definitions import makers, own_members
from tests.contract.bad_input.record_stages import OWN_RECORDS, records_stage
from tests.kit.endpoints import INFERENCE, SKLEARN
from tests.kit.eventually import eventually
from tests.kit.jobs import PYTHON, ROLE, archive

Client = Callable[..., Any]
Values = dict[str, Any]
Stage = tuple[Values, Mapping[str, Callable[[], Any]]]
"""The values that requests need, and for operations that use something up what makes it anew."""
ACCOUNT = "123456789012"
BUCKET = "bad-input"
TAGS = [{"Key": "k", "Value": "v"}]
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}],
    }
)
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)
BUCKET_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/open/*"}
        ],
    }
)
RULE = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
_fresh = itertools.count()


def fresh() -> str:
    """A name nobody has."""
    return f"fresh-{next(_fresh)}"


def _each(*calls: Callable[[], Any]) -> None:
    """All of them, though what is there already refuses to be made again."""
    for call in calls:
        with contextlib.suppress(ClientError):
            call()


def s3(client: Client) -> Stage:
    it = client("s3")

    def buckets() -> None:
        _each(lambda: it.create_bucket(Bucket=BUCKET), lambda: it.create_bucket(Bucket="bad-input-empty"))

    def there() -> None:
        it.put_object(Bucket=BUCKET, Key="there", Body=b"0123456789", Tagging="k=v")

    def upload() -> Values:
        uploads = it.list_multipart_uploads(Bucket=BUCKET, Prefix="there", MaxUploads=1).get("Uploads", [])
        made = uploads[0] if uploads else it.create_multipart_upload(Bucket=BUCKET, Key="there")
        part = it.upload_part(Bucket=BUCKET, Key="there", UploadId=made["UploadId"], PartNumber=1, Body=b"part")
        return {
            "UploadId": made["UploadId"],
            "MultipartUpload": {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
        }

    def policy() -> None:
        it.put_bucket_policy(Bucket=BUCKET, Policy=BUCKET_POLICY)

    def settings() -> None:
        it.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [RULE]})
        it.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": TAGS})
        it.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})

    for step in (buckets, there, policy, settings):
        step()
    values = {
        "Bucket": BUCKET,
        "Key": "there",
        "PartNumber": 1,
        "CopySource": f"{BUCKET}/there",
        "ObjectAttributes": ["ETag", "ObjectSize"],
        "Delete": {"Objects": [{"Key": "there"}, {"Key": "not-there"}]},
        "Tagging": {"TagSet": TAGS},
        "CORSConfiguration": {"CORSRules": [RULE]},
        "Policy": BUCKET_POLICY,
        **upload(),
    }
    again = {
        **dict.fromkeys(("DeleteObject", "DeleteObjects", "DeleteObjectTagging"), there),
        **dict.fromkeys(("AbortMultipartUpload", "CompleteMultipartUpload"), upload),
        **dict.fromkeys(("DeleteBucketCors", "DeleteBucketTagging", "PutBucketCors", "PutBucketTagging"), settings),
        "DeleteBucket": buckets,
        "DeleteBucketPolicy": policy,
        "PutBucketPolicy": policy,
    }
    return values, again


def iam(client: Client) -> Stage:
    it = client("iam")
    user, role, policy = "ann", "role", f"arn:aws:iam::{ACCOUNT}:policy/managed"
    make: dict[str, Callable[[], Any]] = {
        "DeleteUser": lambda: it.create_user(UserName="bare"),
        "DeleteRole": lambda: it.create_role(RoleName="bare", AssumeRolePolicyDocument=TRUST),
        "DeletePolicy": lambda: it.create_policy(PolicyName="bare", PolicyDocument=POLICY),
        "DeleteUserPolicy": lambda: it.put_user_policy(UserName=user, PolicyName="inline", PolicyDocument=POLICY),
        "DeleteRolePolicy": lambda: it.put_role_policy(RoleName=role, PolicyName="inline", PolicyDocument=POLICY),
        "DetachUserPolicy": lambda: it.attach_user_policy(UserName=user, PolicyArn=policy),
        "DetachRolePolicy": lambda: it.attach_role_policy(RoleName=role, PolicyArn=policy),
        "DeleteUserPermissionsBoundary": lambda: it.put_user_permissions_boundary(
            UserName=user, PermissionsBoundary=policy
        ),
        "DeleteRolePermissionsBoundary": lambda: it.put_role_permissions_boundary(
            RoleName=role, PermissionsBoundary=policy
        ),
        "UntagUser": lambda: it.tag_user(UserName=user, Tags=TAGS),
        "UntagRole": lambda: it.tag_role(RoleName=role, Tags=TAGS),
    }
    _each(
        lambda: it.create_user(UserName=user, Tags=TAGS),
        lambda: it.create_user(UserName="keyed"),
        lambda: it.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST, Tags=TAGS),
        lambda: it.create_policy(PolicyName="managed", PolicyDocument=POLICY),
        lambda: it.create_policy(PolicyName="versioned", PolicyDocument=POLICY),
        *make.values(),
    )

    def version() -> Values:
        """A second version to delete or make the default, and room for another."""
        found = it.list_policy_versions(PolicyArn=policy)["Versions"]
        spare = [each["VersionId"] for each in found if not each["IsDefaultVersion"]]
        if not spare:
            spare = [it.create_policy_version(PolicyArn=policy, PolicyDocument=POLICY)["PolicyVersion"]["VersionId"]]
        return {"VersionId": spare[0]}

    def key() -> Values:
        for each in it.list_access_keys(UserName="keyed")["AccessKeyMetadata"]:
            it.delete_access_key(UserName="keyed", AccessKeyId=each["AccessKeyId"])
        found = it.list_access_keys(UserName=user)["AccessKeyMetadata"] or [
            it.create_access_key(UserName=user)["AccessKey"]
        ]
        return {"AccessKeyId": found[0]["AccessKeyId"]}

    def room() -> None:
        arn = f"arn:aws:iam::{ACCOUNT}:policy/versioned"
        for each in it.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not each["IsDefaultVersion"]:
                it.delete_policy_version(PolicyArn=arn, VersionId=each["VersionId"])

    values = {
        "UserName": user,
        "RoleName": role,
        "PolicyName": "inline",
        "PolicyArn": policy,
        "PolicyDocument": POLICY,
        "AssumeRolePolicyDocument": TRUST,
        "PermissionsBoundary": policy,
        "Status": "Active",
        "Tags": TAGS,
        "TagKeys": ["k"],
        "Description": "text",
        "PolicyInputList": [POLICY],
        "ActionNames": ["s3:GetObject"],
        "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/{user}",
        **version(),
        **key(),
    }
    again: dict[str, Callable[[], Any]] = {
        **make,
        **dict.fromkeys(("DeletePolicyVersion", "SetDefaultPolicyVersion"), version),
        **dict.fromkeys(("CreateAccessKey", "DeleteAccessKey"), key),
        "CreatePolicyVersion": room,
    }
    return values, again


def sts(client: Client) -> Stage:
    iam = client("iam")
    _each(
        lambda: iam.create_user(UserName="ann"),
        lambda: iam.create_role(RoleName="open", AssumeRolePolicyDocument=TRUST),
    )
    values = {
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/open",
        "RoleSessionName": "session",
        "Name": "federated",
        "AccessKeyId": iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"],
        "Policy": POLICY,
        "DurationSeconds": 900,
    }
    return values, {}


def logs(client: Client) -> Stage:
    it = client("logs")
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:group"
    make: dict[str, Callable[[], Any]] = {
        "DeleteLogGroup": lambda: it.create_log_group(logGroupName="doomed"),
        "DeleteLogStream": lambda: it.create_log_stream(logGroupName="group", logStreamName="doomed"),
        "DeleteRetentionPolicy": lambda: it.put_retention_policy(logGroupName="group", retentionInDays=7),
        "UntagResource": lambda: it.tag_resource(resourceArn=arn, tags={"k": "v"}),
        "TagResource": lambda: it.untag_resource(
            resourceArn=arn, tagKeys=list(it.list_tags_for_resource(resourceArn=arn)["tags"])
        ),
    }
    _each(
        lambda: it.create_log_group(logGroupName="group"),
        lambda: it.create_log_stream(logGroupName="group", logStreamName="stream"),
        *make.values(),
    )
    values = {
        "logGroupName": "group",
        "logStreamName": "stream",
        "retentionInDays": 7,
        "logEvents": [{"timestamp": int(time.time() * 1000), "message": "text"}],
        "filterPattern": "text",
        "logEventMessages": ["some text"],
        "resourceArn": arn,
        "logGroupIdentifiers": [arn],
        "tags": {"k": "v"},
        "tagKeys": ["k"],
    }
    return values, make


def cloudwatch(client: Client) -> Stage:
    _each(lambda: client("cloudwatch").put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}]))
    metric = {"Namespace": "n", "MetricName": "m"}
    values = {
        **metric,
        "StartTime": 1_700_000_000,
        "EndTime": 1_700_003_600,
        "Period": 60,
        "Statistics": ["Average"],
        "MetricData": [{"MetricName": "m", "Value": 1.0, "Timestamp": int(time.time())}],
        "MetricDataQueries": [{"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}}],
        "Stat": "Average",
        "Id": "a",
    }
    return values, {}


def sagemaker(client: Client) -> Stage:
    """A job keeps the one place for instances, so that all later jobs wait; an endpoint that cannot start."""
    it, objects = client("sagemaker"), client("s3")
    _each(lambda: objects.create_bucket(Bucket=BUCKET))
    objects.put_object(Bucket=BUCKET, Key="there", Body=b"1,2\n")
    model = f"s3://{BUCKET}/model.tar.gz"
    container = {"Image": SKLEARN, "ModelDataUrl": model, "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}
    variant = {"VariantName": "v", "ModelName": "example", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    servable = {**container, "ModelDataUrl": f"s3://{BUCKET}/there"}
    objects.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive({"code/inference.py": INFERENCE}))
    _each(
        lambda: it.create_model(ModelName="example", PrimaryContainer=container, ExecutionRoleArn=ROLE),
        lambda: it.create_endpoint_config(EndpointConfigName="example", ProductionVariants=[variant], Tags=TAGS),
    )
    objects.delete_object(Bucket=BUCKET, Key="model.tar.gz")
    code = "import time\nwhile True: time.sleep(60)\n"
    objects.put_object(Bucket=BUCKET, Key="sourcedir.tar.gz", Body=archive({"train.py": code}))
    values = {
        "TrainingJobName": "example",
        "ProcessingJobName": "example",
        "TransformJobName": "example",
        "ModelName": "example",
        "EndpointConfigName": "example",
        "EndpointName": "example",
        "PrimaryContainer": servable,
        "ExecutionRoleArn": ROLE,
        "ProductionVariants": [variant],
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": PYTHON, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"s3://{BUCKET}/sourcedir.tar.gz",
        },
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/there"}},
            }
        ],
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": PYTHON, "ContainerEntrypoint": ["sleep", "3600"]},
        "ProcessingInputs": [
            {
                "InputName": "i",
                "S3Input": {
                    "S3Uri": f"s3://{BUCKET}/there",
                    "LocalPath": "/opt/ml/processing/i",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/there"}},
            "ContentType": "text/csv",
        },
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "ResourceArn": f"{ARN}:endpoint-config/example",
        "Resource": "TrainingJob",
        "Tags": TAGS,
        "TagKeys": ["k"],
        "SearchExpression": {"Filters": [{"Name": "TrainingJobName", "Operator": "Contains", "Value": "x"}]},
    }

    more_values, more_again = records_stage(it)
    values |= more_values

    def doomed() -> Values:
        name = fresh()
        it.create_endpoint(EndpointName=name, EndpointConfigName="example")
        return {"doomed": name}

    defined, anew = makers(it)
    again: dict[str, Callable[[], Any]] = {
        **anew,
        **more_again,
        "DeleteModel": lambda: it.create_model(ModelName="doomed", PrimaryContainer=servable, ExecutionRoleArn=ROLE),
        "DeleteEndpointConfig": lambda: it.create_endpoint_config(
            EndpointConfigName="doomed", ProductionVariants=[variant]
        ),
        "DeleteEndpoint": doomed,
        "DeleteTags": lambda: it.add_tags(ResourceArn=values["ResourceArn"], Tags=TAGS),
        "AddTags": lambda: it.delete_tags(
            ResourceArn=values["ResourceArn"],
            TagKeys=[each["Key"] for each in it.list_tags(ResourceArn=values["ResourceArn"])["Tags"]] or ["k"],
        ),
    }
    for kind in ("Training", "Processing", "Transform"):
        members = {name: values[name] for name in MORE[f"Create{kind}Job"]}
        make = partial(getattr(it, f"create_{kind.lower()}_job"), **members)
        name = f"{kind}JobName"
        _each(lambda make=make, name=name: make(**{name: "example"}))
        again[f"Stop{kind}Job"] = partial(_waiting, make, name)
        stop, describe = (getattr(it, f"{verb}_{kind.lower()}_job") for verb in ("stop", "describe"))
        again[f"Delete{kind}Job"] = partial(_ended, make, stop, describe, name)
        values.update(again[f"Stop{kind}Job"]())
    _each(lambda: it.create_endpoint(EndpointName="example", EndpointConfigName="example"), *defined, *again.values())
    return values, again


def _waiting(make: Callable[..., Any], name: str) -> Values:
    """A job in line."""
    made = {name: fresh()}
    make(**made)
    return made


def _ended(make: Callable[..., Any], stop: Callable[..., Any], describe: Callable[..., Any], name: str) -> Values:
    """A job that was stopped."""
    made = _waiting(make, name)
    stop(**made)
    status = f"{name.removesuffix('Name')}Status"
    eventually(lambda: describe(**made)[status] == "Stopped", what=lambda: str(describe(**made)))
    return made


MORE: Mapping[str, tuple[str, ...]] = {
    **triggers.MORE,
    "CreateTrainingJob": (
        "RoleArn",
        "AlgorithmSpecification",
        "OutputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
        "HyperParameters",
        "InputDataConfig",
    ),
    "CreateProcessingJob": ("RoleArn", "ProcessingResources", "AppSpecification", "ProcessingInputs"),
    "CreateTransformJob": ("ModelName", "TransformInput", "TransformOutput", "TransformResources"),
    "CreateModel": ("PrimaryContainer", "ExecutionRoleArn"),
    "CreateModelPackage": ("ModelPackageName", "InferenceSpecification"),
    "CreateEndpointConfig": ("ProductionVariants", "Tags"),
    "Search": ("SearchExpression",),
    "PutMetricData": ("MetricData",),
    "GetMetricStatistics": ("Statistics",),
    "CompleteMultipartUpload": ("MultipartUpload",),
    "GetLogEvents": ("logGroupName",),
    "FilterLogEvents": ("logGroupName",),
    "DescribeLogStreams": ("logGroupName",),
    "GetUser": ("UserName",),
    "CreateAccessKey": ("UserName",),
    "ListAccessKeys": ("UserName",),
    "DeleteAccessKey": ("UserName",),
    "UpdateAccessKey": ("UserName",),
    "InvokeEndpoint": ("ContentType",),
    "InvokeEndpointWithResponseStream": ("ContentType",),
}
"""Members beside the required ones, without which a request would not be worth much."""

OWN: Mapping[str, Callable[[Values], Values]] = {
    **own_members(),
    **triggers.OWN,
    **{
        f"Create{kind}": lambda _, kind=kind: {f"{kind}Name": fresh()}  # type: ignore[misc]
        for kind in ("TrainingJob", "ProcessingJob", "TransformJob", "Model", "EndpointConfig", "Endpoint")
    },
    **OWN_RECORDS,
    "CreateUser": lambda _: {"UserName": fresh()},
    "CreateRole": lambda _: {"RoleName": fresh()},
    "CreatePolicy": lambda _: {"PolicyName": fresh()},
    "CreateAccessKey": lambda _: {"UserName": "keyed"},
    "CreatePolicyVersion": lambda _: {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/versioned"},
    "UpdateAssumeRolePolicy": lambda _: {"PolicyDocument": TRUST},
    "DeleteUser": lambda _: {"UserName": "bare"},
    "DeleteRole": lambda _: {"RoleName": "bare"},
    "DeletePolicy": lambda _: {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/bare"},
    "CreateBucket": lambda _: {"Bucket": fresh()},
    "DeleteBucket": lambda _: {"Bucket": "bad-input-empty"},
    "CopyObject": lambda _: {"Key": "copy"},
    "DeleteLogGroup": lambda _: {"logGroupName": "doomed"},
    "DeleteLogStream": lambda _: {"logStreamName": "doomed"},
    "DeleteModel": lambda _: {"ModelName": "doomed"},
    "DeleteEndpointConfig": lambda _: {"EndpointConfigName": "doomed"},
    "DeleteEndpoint": lambda values: {"EndpointName": values["doomed"]},
    "CreateLogGroup": lambda _: {"logGroupName": fresh()},
    "CreateLogStream": lambda _: {"logStreamName": fresh()},
}
"""Members that another operation of the same service would fill otherwise."""


def runtime(client: Client) -> Stage:
    """An endpoint that answers."""
    it, objects = client("sagemaker"), client("s3")
    container = {
        "Image": SKLEARN,
        "ModelDataUrl": f"s3://{BUCKET}/m.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
    }
    variant = {"VariantName": "v", "ModelName": "served", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    _each(
        lambda: objects.create_bucket(Bucket=BUCKET),
        lambda: objects.put_object(
            Bucket=BUCKET, Key="m.tar.gz", Body=archive({"code/inference.py": INFERENCE, "answer.txt": "yes"})
        ),
        lambda: it.create_model(ModelName="served", PrimaryContainer=container, ExecutionRoleArn=ROLE),
        lambda: it.create_endpoint_config(EndpointConfigName="served", ProductionVariants=[variant]),
        lambda: it.create_endpoint(EndpointName="served", EndpointConfigName="served"),
    )
    looked = lambda: it.describe_endpoint(EndpointName="served")  # noqa: E731
    eventually(lambda: looked()["EndpointStatus"] == "InService", what=lambda: str(looked()), seconds=120)
    return {"EndpointName": "served", "Body": b'"question"', "ContentType": "application/json"}, {}


def run_metrics(client: Client) -> Stage:
    """Those of the trial component that a job has by itself, whatever becomes of the job."""
    objects = client("s3")
    _each(lambda: objects.create_bucket(Bucket=BUCKET))
    objects.put_object(Bucket=BUCKET, Key="ends.tar.gz", Body=archive({"train.py": "pass\n"}))
    script = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/ends.tar.gz"}
    _each(
        lambda: client("sagemaker").create_training_job(
            TrainingJobName="logged",
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": PYTHON, "TrainingInputMode": "File"},
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            HyperParameters=script,
        )
    )
    point = {"MetricName": "m", "Timestamp": int(time.time()), "Step": 1, "Value": 1.0}
    query = {"MetricName": "m", "ResourceArn": f"{ARN}:training-job/logged", "MetricStat": "Last"}
    query |= {"Period": "IterationNumber", "XAxisType": "IterationNumber"}
    return {"TrialComponentName": "logged-aws-training-job", "MetricData": [point], "MetricQueries": [query]}, {}


STAGES: Mapping[str, Callable[[Client], Stage]] = {
    "s3": s3,
    "iam": iam,
    "sts": sts,
    "logs": logs,
    "cloudwatch": cloudwatch,
    "sagemaker": sagemaker,
    "sagemaker-metrics": run_metrics,
    "sagemaker-runtime": runtime,
    **triggers.STAGES,
}

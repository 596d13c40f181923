"""Valid requests for every served operation, and the resources they speak of."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError
from tests.services.sagemaker.conftest import PYTHON, ROLE, archive
from tests.services.sagemaker.test_endpoint import INFERENCE, SKLEARN

Client = Callable[..., Any]
Values = dict[str, Any]
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


def s3(client: Client) -> Values:
    it = client("s3")
    for name in (BUCKET, "bad-input-empty"):
        _each(lambda name=name: it.create_bucket(Bucket=name))
    _each(
        lambda: it.put_object(Bucket=BUCKET, Key="there", Body=b"0123456789", Tagging="k=v"),
        lambda: it.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [RULE]}),
        lambda: it.put_bucket_policy(Bucket=BUCKET, Policy=BUCKET_POLICY),
        lambda: it.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": TAGS}),
    )
    uploads = it.list_multipart_uploads(Bucket=BUCKET, Prefix="there").get("Uploads", [])
    upload = uploads[0]["UploadId"] if uploads else it.create_multipart_upload(Bucket=BUCKET, Key="there")["UploadId"]
    etag = it.upload_part(Bucket=BUCKET, Key="there", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    return {
        "Bucket": BUCKET,
        "Key": "there",
        "UploadId": upload,
        "PartNumber": 1,
        "CopySource": f"{BUCKET}/there",
        "ObjectAttributes": ["ETag", "ObjectSize"],
        "Delete": {"Objects": [{"Key": "there"}, {"Key": "not-there"}]},
        "Tagging": {"TagSet": TAGS},
        "CORSConfiguration": {"CORSRules": [RULE]},
        "Policy": BUCKET_POLICY,
        "MultipartUpload": {"Parts": [{"ETag": etag, "PartNumber": 1}]},
    }


def iam(client: Client) -> Values:
    it = client("iam")
    user, role, policy = "ann", "role", f"arn:aws:iam::{ACCOUNT}:policy/managed"
    _each(
        lambda: it.create_user(UserName=user, Tags=TAGS),
        lambda: it.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST, Tags=TAGS),
        lambda: it.create_user(UserName="bare"),
        lambda: it.create_role(RoleName="bare", AssumeRolePolicyDocument=TRUST),
        lambda: it.create_policy(PolicyName="managed", PolicyDocument=POLICY),
        lambda: it.create_policy(PolicyName="bare", PolicyDocument=POLICY),
        lambda: it.create_policy_version(PolicyArn=policy, PolicyDocument=POLICY),
        lambda: it.put_user_policy(UserName=user, PolicyName="inline", PolicyDocument=POLICY),
        lambda: it.put_role_policy(RoleName=role, PolicyName="inline", PolicyDocument=POLICY),
        lambda: it.attach_user_policy(UserName=user, PolicyArn=policy),
        lambda: it.attach_role_policy(RoleName=role, PolicyArn=policy),
        lambda: it.put_user_permissions_boundary(UserName=user, PermissionsBoundary=policy),
        lambda: it.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=policy),
        lambda: it.tag_user(UserName=user, Tags=TAGS),
        lambda: it.tag_role(RoleName=role, Tags=TAGS),
    )
    versions = [each["VersionId"] for each in it.list_policy_versions(PolicyArn=policy)["Versions"]]
    for version in versions[5:]:
        _each(lambda version=version: it.delete_policy_version(PolicyArn=policy, VersionId=version))
    if len(versions) < 2:
        versions.append(it.create_policy_version(PolicyArn=policy, PolicyDocument=POLICY)["PolicyVersion"]["VersionId"])
    keys = it.list_access_keys(UserName=user)["AccessKeyMetadata"]
    key = keys[0]["AccessKeyId"] if keys else it.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    standard = next(
        each["VersionId"] for each in it.list_policy_versions(PolicyArn=policy)["Versions"] if not each["IsDefaultVersion"]
    )
    return {
        "UserName": user,
        "RoleName": role,
        "PolicyName": "inline",
        "PolicyArn": policy,
        "PolicyDocument": POLICY,
        "AssumeRolePolicyDocument": TRUST,
        "PermissionsBoundary": policy,
        "VersionId": standard,
        "AccessKeyId": key,
        "Status": "Active",
        "Tags": TAGS,
        "TagKeys": ["k"],
        "Description": "text",
        "PolicyInputList": [POLICY],
        "ActionNames": ["s3:GetObject"],
        "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/{user}",
    }


def sts(client: Client) -> Values:
    return {
        "RoleArn": ROLE,
        "RoleSessionName": "session",
        "Name": "federated",
        "AccessKeyId": "ASIAEXAMPLEEXAMPLE12",
        "Policy": POLICY,
        "DurationSeconds": 900,
    } | ({} if client is None else {})


def logs(client: Client) -> Values:
    it = client("logs")
    _each(
        lambda: it.create_log_group(logGroupName="group"),
        lambda: it.create_log_stream(logGroupName="group", logStreamName="stream"),
        lambda: it.put_retention_policy(logGroupName="group", retentionInDays=7),
        lambda: it.tag_resource(resourceArn=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:group", tags={"k": "v"}),
    )
    return {
        "logGroupName": "group",
        "logStreamName": "stream",
        "retentionInDays": 7,
        "logEvents": [{"timestamp": 1_790_000_000_000, "message": "text"}],
        "filterPattern": "text",
        "logEventMessages": ["some text"],
        "resourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:group",
        "tags": {"k": "v"},
        "tagKeys": ["k"],
    }


def cloudwatch(client: Client) -> Values:
    point = {"MetricName": "m", "Value": 1.0, "Timestamp": 1_790_000_000}
    _each(lambda: client("cloudwatch").put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}]))
    metric = {"Namespace": "n", "MetricName": "m"}
    return {
        **metric,
        "StartTime": 1_700_000_000,
        "EndTime": 1_700_003_600,
        "Period": 60,
        "Statistics": ["Average"],
        "MetricData": [point],
        "MetricDataQueries": [{"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}}],
        "Stat": "Average",
        "Id": "a",
    }


def sagemaker(client: Client) -> Values:
    """A job keeps the one place for instances, so that all later jobs wait; an endpoint that cannot start."""
    it, objects = client("sagemaker"), client("s3")
    _each(lambda: objects.create_bucket(Bucket=BUCKET))
    objects.put_object(Bucket=BUCKET, Key="there", Body=b"1,2\n")
    model = f"s3://{BUCKET}/model.tar.gz"
    container = {"Image": SKLEARN, "ModelDataUrl": model, "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}
    variant = {"VariantName": "v", "ModelName": "example", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
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
        "PrimaryContainer": {**container, "ModelDataUrl": f"s3://{BUCKET}/there"} if False else container,
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
    jobs = ("Training", "Processing", "Transform")
    for kind in jobs:
        members = {name: values[name] for name in MORE[f"Create{kind}Job"]}
        method = getattr(it, f"create_{kind.lower()}_job")
        _each(lambda method=method, members=members, kind=kind: method(**{f"{kind}JobName": "example"}, **members))
    _each(lambda: it.create_endpoint(EndpointName="example", EndpointConfigName="example"))
    return values


MORE: Mapping[str, tuple[str, ...]] = {
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
}
"""Members beside the required ones, without which a request would not be worth much."""

OWN: Mapping[str, Callable[[], Values]] = {
    **{
        f"Create{kind}": lambda kind=kind: {f"{kind}Name": fresh()}  # type: ignore[misc]
        for kind in ("TrainingJob", "ProcessingJob", "TransformJob", "Model", "EndpointConfig", "Endpoint")
    },
    "CreateUser": lambda: {"UserName": fresh()},
    "CreateRole": lambda: {"RoleName": fresh()},
    "CreatePolicy": lambda: {"PolicyName": fresh()},
    "CreateAccessKey": lambda: {"UserName": "bare"},
    "CreatePolicyVersion": lambda: {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/bare"},
    "UpdateAssumeRolePolicy": lambda: {"PolicyDocument": TRUST},
    "DeleteUser": lambda: {"UserName": "bare"},
    "DeleteRole": lambda: {"RoleName": "bare"},
    "DeletePolicy": lambda: {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/bare"},
    "CreateBucket": lambda: {"Bucket": fresh()},
    "DeleteBucket": lambda: {"Bucket": "bad-input-empty"},
    "CreateLogGroup": lambda: {"logGroupName": fresh()},
    "CreateLogStream": lambda: {"logStreamName": fresh()},
}
"""Members that another operation of the same service would fill otherwise."""

STAGES: Mapping[str, Callable[[Client], Values]] = {
    "s3": s3,
    "iam": iam,
    "sts": sts,
    "logs": logs,
    "cloudwatch": cloudwatch,
    "sagemaker": sagemaker,
}

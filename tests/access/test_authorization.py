"""Who may do what: several principals, through boto3, against a real server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.kit.principals import ACCOUNT, Client, Document, Person, allow, deny, fetch, policy, refused

from sagewright.testing.server import ServerProcess

EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/SagewrightExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture
def ann(client: Client) -> Person:
    return Person(client)


@pytest.fixture
def bucket(client: Client) -> str:
    """A bucket of the administrator with two objects, whose name no AWS-managed policy mentions."""
    s3, name = client("s3"), f"team-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    for key in ("open/a.csv", "closed/b.csv"):
        s3.put_object(Bucket=name, Key=key, Body=b"1,2\n")
    return name


@pytest.fixture
def role(client: Client) -> Callable[..., str]:
    """Makes a role with an inline policy and gives its ARN."""

    def make(*statements: Document, trust: Document | None = None, **members: Any) -> str:
        iam, name = client("iam"), f"role-{uuid.uuid4().hex}"
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust or TRUST), **members)["Role"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))
        return str(made["Arn"])

    return make


def session_keys(answer: Document) -> dict[str, str]:
    given = answer["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def model(name: str, role_arn: str = EXECUTION_ROLE, **members: Any) -> Document:
    return {"ModelName": name, "ExecutionRoleArn": role_arn, "PrimaryContainer": {"Image": IMAGE}, **members}


def test_who_has_no_policy_may_nothing_and_is_told_so_in_the_words_of_each_protocol(ann: Person, bucket: str) -> None:
    sagemaker = refused(ann.client("sagemaker").describe_model, ModelName="m")
    assert sagemaker == (
        "AccessDeniedException",
        400,
        f"User: {ann.arn} is not authorized to perform: sagemaker:DescribeModel on resource: "
        f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/m because no identity-based policy allows the "
        "sagemaker:DescribeModel action",
    )
    s3 = refused(ann.client("s3").get_object, Bucket=bucket, Key="open/a.csv")
    assert s3 == (
        "AccessDenied",
        403,
        f'User: {ann.arn} is not authorized to perform: "s3:GetObject" on resource: '
        f'"arn:aws:s3:::{bucket}/open/a.csv" because no identity-based policy allows the s3:GetObject action',
    )
    assert refused(ann.client("iam").list_users)[:2] == ("AccessDenied", 403)
    assert refused(ann.client("logs").describe_log_groups)[:2] == ("AccessDeniedException", 400)
    assert refused(ann.client("cloudwatch").list_metrics)[:2] == ("AccessDeniedException", 400)
    invoke = ann.client("sagemaker-runtime").invoke_endpoint
    assert refused(invoke, EndpointName="e", Body=b"1")[:2] == ("AccessDeniedException", 403)
    assert ann.client("sts").get_caller_identity()["Arn"] == ann.arn


def test_a_user_sees_what_the_policy_allows_at_once(client: Client, ann: Person) -> None:
    mine, other = f"mine-{uuid.uuid4().hex}", f"other-{uuid.uuid4().hex}"
    for name in (mine, other):
        client("sagemaker").create_model(**model(name))
    sagemaker = ann.may(allow("sagemaker:Describe*", on="arn:aws:sagemaker:*:*:model/mine-*")).client("sagemaker")

    assert sagemaker.describe_model(ModelName=mine)["ModelName"] == mine
    assert refused(sagemaker.describe_model, ModelName=other)[0] == "AccessDeniedException"
    assert refused(sagemaker.list_models)[0] == "AccessDeniedException"
    assert refused(sagemaker.delete_model, ModelName=mine)[0] == "AccessDeniedException"

    ann.may(allow("sagemaker:*"), deny("sagemaker:DescribeModel"))
    assert sagemaker.list_models()["Models"]
    assert refused(sagemaker.describe_model, ModelName=mine)[2].endswith(
        "with an explicit deny in an identity-based policy"
    )
    assert client("sagemaker").describe_model(ModelName=mine), "nobody limits the administrator"


def test_conditions_on_tags_and_instance_types(ann: Person) -> None:
    ann.may(
        allow("sagemaker:CreateModel", "sagemaker:AddTags", Condition={"StringEquals": {"aws:RequestTag/team": "red"}}),
        allow("sagemaker:DescribeModel", Condition={"StringEquals": {"aws:ResourceTag/team": "red"}}),
        allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}),
        allow(
            "sagemaker:CreateEndpointConfig",
            Condition={"ForAllValues:StringLike": {"sagemaker:InstanceTypes": ["ml.t2.*"]}},
        ),
    )
    sagemaker, name = ann.client("sagemaker"), f"m-{uuid.uuid4().hex}"

    assert refused(sagemaker.create_model, **model(name))[0] == "AccessDeniedException"
    assert refused(sagemaker.create_model, **model(name, Tags=[{"Key": "team", "Value": "blue"}]))[0] == (
        "AccessDeniedException"
    )
    sagemaker.create_model(**model(name, Tags=[{"Key": "team", "Value": "red"}]))
    assert sagemaker.describe_model(ModelName=name)

    def config(*kinds: str) -> Document:
        variants = [
            {"VariantName": f"v{n}", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": kind}
            for n, kind in enumerate(kinds)
        ]
        return {"EndpointConfigName": name, "ProductionVariants": variants}

    big = refused(sagemaker.create_endpoint_config, **config("ml.t2.medium", "ml.p5.48xlarge"))
    assert big[0] == "AccessDeniedException"
    assert sagemaker.create_endpoint_config(**config("ml.t2.medium"))


def test_tags_on_creation_need_add_tags(ann: Person) -> None:
    ann.may(allow("sagemaker:CreateModel", "iam:PassRole"))

    tagged = model(f"m-{uuid.uuid4().hex}", Tags=[{"Key": "a", "Value": "b"}])
    assert "sagemaker:AddTags" in refused(ann.client("sagemaker").create_model, **tagged)[2]


def test_roles_must_be_there_be_passable_and_trust_sagemaker(
    client: Client, ann: Person, role: Callable[..., str]
) -> None:
    name = f"m-{uuid.uuid4().hex}"
    create = client("sagemaker").create_model
    foreign = refused(create, **model(name, "arn:aws:iam::999999999999:role/Theirs"))
    assert foreign[:2] == ("AccessDeniedException", 400)
    assert foreign[2] == "Cross-account pass role is not allowed."
    for arn in (
        f"arn:aws:iam::{ACCOUNT}:role//Missing",
        f"arn:aws:iam::{ACCOUNT}:role/wrong/path/SagewrightExecutionRole",
        role(trust={**TRUST, "Principal": {"Service": "lambda.amazonaws.com"}}),
    ):
        code, status, message = refused(create, **model(name, arn))
        assert (code, status) == ("ValidationException", 400)
        assert message.startswith(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )

    passable, other = role(), role()
    ann.may(allow("sagemaker:CreateModel"), allow("iam:PassRole", on=passable))
    denied = refused(ann.client("sagemaker").create_model, **model(name, other))
    assert denied[0] == "AccessDeniedException"
    assert f"not authorized to perform: iam:PassRole on resource: {other}" in denied[2]
    assert ann.client("sagemaker").create_model(**model(name, passable))
    ann.may(
        allow("sagemaker:CreateModel"),
        allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
    )
    assert "iam:PassRole" in refused(ann.client("sagemaker").create_model, **model(f"{name}-2", passable))[2]


def test_prefixes_of_a_bucket(ann: Person, bucket: str) -> None:
    s3 = ann.may(
        allow("s3:GetObject", "s3:DeleteObject", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/open/*"),
        allow("s3:ListBucket", on=f"arn:aws:s3:::{bucket}", Condition={"StringLike": {"s3:prefix": "open/*"}}),
    ).client("s3")

    assert s3.get_object(Bucket=bucket, Key="open/a.csv")["Body"].read() == b"1,2\n"
    assert s3.head_object(Bucket=bucket, Key="open/a.csv")["ContentLength"] == 4
    assert refused(s3.get_object, Bucket=bucket, Key="closed/b.csv")[0] == "AccessDenied"
    assert refused(s3.put_object, Bucket=bucket, Key="closed/c.csv", Body=b"x")[0] == "AccessDenied"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="open/")["Contents"]] == ["open/a.csv"]
    assert refused(s3.list_objects_v2, Bucket=bucket)[0] == "AccessDenied"
    assert refused(s3.list_objects_v2, Bucket=bucket, Prefix="closed/")[0] == "AccessDenied"
    assert refused(s3.list_buckets)[0] == "AccessDenied"

    code, _, message = refused(s3.get_object, Bucket=bucket, Key="open/missing")
    assert (code, "s3:ListBucket" in message) == ("AccessDenied", True), "who may not list does not learn what is not"

    stolen = {"Bucket": bucket, "Key": "open/copy.csv", "CopySource": f"{bucket}/closed/b.csv"}
    assert refused(s3.copy_object, **stolen)[0] == "AccessDenied"
    assert s3.copy_object(**stolen | {"CopySource": f"{bucket}/open/a.csv"})

    upload = s3.create_multipart_upload(Bucket=bucket, Key="open/big")["UploadId"]
    part = {"Bucket": bucket, "Key": "open/big", "UploadId": upload, "PartNumber": 1}
    assert refused(s3.upload_part_copy, **part, CopySource=f"{bucket}/closed/b.csv")[0] == "AccessDenied"

    objects = [{"Key": "open/a.csv"}, {"Key": "closed/b.csv"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [one["Key"] for one in answer["Deleted"]] == ["open/a.csv"]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("closed/b.csv", "AccessDenied")]


def test_a_presigned_url_can_what_its_maker_can(ann: Person, bucket: str, server: ServerProcess) -> None:
    url = ann.client("s3").generate_presigned_url("get_object", {"Bucket": bucket, "Key": "open/a.csv"})

    assert fetch(server, url)[0] == 403
    ann.may(allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/*"))
    assert fetch(server, url) == (200, b"1,2\n")


def test_a_role_session_is_limited_by_the_role_the_session_policy_and_the_boundary(
    client: Client, ann: Person, bucket: str, role: Callable[..., str]
) -> None:
    arn = role(allow("s3:*"), trust={**TRUST, "Principal": {"AWS": ann.arn}})
    sts = ann.client("sts")
    given: Document = {"RoleArn": arn, "RoleSessionName": "night"}
    whole = client("s3", **session_keys(sts.assume_role(**given)))
    assert whole.get_object(Bucket=bucket, Key="closed/b.csv")
    assert refused(client("iam", **session_keys(sts.assume_role(**given))).list_roles)[0] == "AccessDenied"

    narrow = policy(allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/open/*"), allow("iam:*"))
    session = session_keys(sts.assume_role(**given, Policy=narrow))
    assert client("s3", **session).get_object(Bucket=bucket, Key="open/a.csv")
    message = refused(client("s3", **session).get_object, Bucket=bucket, Key="closed/b.csv")[2]
    assert "because no session policy allows the s3:GetObject action" in message
    assert refused(client("iam", **session).list_roles)[0] == "AccessDenied"

    read_only = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    managed = client("s3", **session_keys(sts.assume_role(**given, PolicyArns=[{"arn": read_only}])))
    assert managed.get_object(Bucket=bucket, Key="open/a.csv")
    assert refused(managed.put_object, Bucket=bucket, Key="open/x", Body=b"")[0] == "AccessDenied"

    name = arn.rpartition("/")[2]
    client("iam").put_role_permissions_boundary(RoleName=name, PermissionsBoundary=read_only)
    assert client("iam").get_role(RoleName=name)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == read_only
    message = refused(whole.put_object, Bucket=bucket, Key="open/x", Body=b"")[2]
    assert "because no permissions boundary allows the s3:PutObject action" in message
    client("iam").delete_role_permissions_boundary(RoleName=name)
    assert whole.put_object(Bucket=bucket, Key="open/x", Body=b"")


def test_session_tags_and_user_tags(client: Client, ann: Person, bucket: str, role: Callable[..., str]) -> None:
    home = allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/${{aws:PrincipalTag/area}}/*")
    arn = role(home, trust={**TRUST, "Principal": {"AWS": ann.arn}, "Action": ["sts:AssumeRole", "sts:TagSession"]})
    answer = ann.client("sts").assume_role(
        RoleArn=arn, RoleSessionName="tagged", Tags=[{"Key": "area", "Value": "open"}]
    )
    tagged = client("s3", **session_keys(answer))
    assert tagged.get_object(Bucket=bucket, Key="open/a.csv")
    assert refused(tagged.get_object, Bucket=bucket, Key="closed/b.csv")[0] == "AccessDenied"

    ann.may(home)
    assert refused(ann.client("s3").get_object, Bucket=bucket, Key="closed/b.csv")[0] == "AccessDenied"
    client("iam").tag_user(UserName=ann.name, Tags=[{"Key": "area", "Value": "closed"}])
    assert ann.client("s3").get_object(Bucket=bucket, Key="closed/b.csv")
    assert client("iam").list_user_tags(UserName=ann.name)["Tags"] == [{"Key": "area", "Value": "closed"}]


def test_assume_role_needs_both_sides_unless_the_trust_names_the_caller(ann: Person, role: Callable[..., str]) -> None:
    account = {**TRUST, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    delegated, direct, closed = role(trust=account), role(trust={**TRUST, "Principal": {"AWS": ann.arn}}), role()
    sts = ann.client("sts")

    assert sts.assume_role(RoleArn=direct, RoleSessionName="session")
    code, status, message = refused(sts.assume_role, RoleArn=delegated, RoleSessionName="session")
    assert (code, status) == ("AccessDenied", 403)
    assert f"is not authorized to perform: sts:AssumeRole on resource: {delegated}" in message
    ann.may(allow("sts:AssumeRole"))
    assert sts.assume_role(RoleArn=delegated, RoleSessionName="session")
    assert refused(sts.assume_role, RoleArn=closed, RoleSessionName="session")[0] == "AccessDenied"
    ann.may(deny("sts:AssumeRole"))
    assert refused(sts.assume_role, RoleArn=direct, RoleSessionName="session")[0] == "AccessDenied"


def test_the_execution_role_itself_is_limited_by_its_policy(client: Client, bucket: str) -> None:
    """The administrator bears its name so that SDKs find the role, but is no mere session of it."""
    iam, sts = client("iam"), client("sts")
    trust = json.loads(json.dumps(iam.get_role(RoleName="SagewrightExecutionRole")["Role"]["AssumeRolePolicyDocument"]))
    open_trust = policy(*trust["Statement"], {**TRUST, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})
    iam.update_assume_role_policy(RoleName="SagewrightExecutionRole", PolicyDocument=open_trust)
    try:
        session = session_keys(sts.assume_role(RoleArn=EXECUTION_ROLE, RoleSessionName="job"))
    finally:
        iam.update_assume_role_policy(RoleName="SagewrightExecutionRole", PolicyDocument=json.dumps(trust))

    assert client("sagemaker", **session).list_models()
    assert refused(client("iam", **session).create_user, UserName="eve")[0] == "AccessDenied"
    assert (
        refused(
            client("iam", **session).attach_role_policy,
            RoleName="SagewrightExecutionRole",
            PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess",
        )[0]
        == "AccessDenied"
    )
    assert client("s3").get_object(Bucket=bucket, Key="open/a.csv"), "the administrator is not limited"


def test_work_reads_and_writes_what_its_role_may(client: Client, bucket: str, role: Callable[..., str]) -> None:
    """Else whoever may start jobs with some role could read every bucket through it."""
    arn = f"arn:aws:s3:::{bucket}"
    reader = role(allow("s3:ListBucket", on=arn), allow("s3:GetObject", on=f"{arn}/open/*"))
    writer = role(allow("s3:ListBucket", on=arn), allow("s3:GetObject", "s3:PutObject", on=f"{arn}/open/*"))

    def job(who: str, source: str) -> Document:
        channel = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{source}"}
        return {
            "TrainingJobName": f"job-{uuid.uuid4().hex}",
            "RoleArn": who,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": channel}}],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/open/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }

    create = client("sagemaker").create_training_job
    for source in ("closed/", "closed/b.csv", ""):
        code, _, message = refused(create, **job(writer, source))
        assert code == "ValidationException"
        assert f'that the role "{writer}" has "s3:ListBucket" permissions on bucket "{bucket}"' in message
    assert refused(create, **job(reader, "open/"))[2].startswith(f'The role "{reader}" does not have "s3:PutObject"')
    script = {"sagemaker_submit_directory": f"s3://{bucket}/closed/b.csv", "sagemaker_program": "train.py"}
    assert '"s3:GetObject"' in refused(create, **job(writer, "open/"), HyperParameters=script)[2]
    name = job(writer, "open/")["TrainingJobName"]
    create(**job(writer, "open/") | {"TrainingJobName": name})
    client("sagemaker").stop_training_job(TrainingJobName=name)


def test_a_federated_user_can_what_both_the_user_and_the_policy_allow(client: Client, ann: Person, bucket: str) -> None:
    ann.may(allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/open/*"), allow("sts:GetFederationToken"))
    everything = policy(allow("s3:*", "sagemaker:*"))
    made = session_keys(ann.client("sts").get_federation_token(Name="guest", Policy=everything))

    assert client("s3", **made).get_object(Bucket=bucket, Key="open/a.csv")
    assert refused(client("s3", **made).get_object, Bucket=bucket, Key="closed/b.csv")[0] == "AccessDenied"
    assert refused(client("sagemaker", **made).list_models)[0] == "AccessDeniedException"
    bare = session_keys(ann.client("sts").get_federation_token(Name="guest"))
    assert refused(client("s3", **bare).get_object, Bucket=bucket, Key="open/a.csv")[0] == "AccessDenied"


def test_keys_can_be_switched_off_and_on(client: Client, ann: Person) -> None:
    iam, sts = client("iam"), ann.client("sts")
    key = {"UserName": ann.name, "AccessKeyId": ann.key_id}
    assert sts.get_caller_identity()

    iam.update_access_key(**key, Status="Inactive")
    assert refused(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
    assert refused(ann.client("s3").list_buckets)[:2] == ("InvalidAccessKeyId", 403)
    assert [one["Status"] for one in iam.list_access_keys(UserName=ann.name)["AccessKeyMetadata"]] == ["Inactive"]
    iam.update_access_key(**key, Status="Active")
    assert sts.get_caller_identity()


def test_a_user_may_manage_only_its_own_keys(client: Client, ann: Person) -> None:
    ann.may(allow("iam:*AccessKey*", on=f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"))
    iam = ann.client("iam")

    assert len(iam.list_access_keys()["AccessKeyMetadata"]) == 1
    assert iam.create_access_key(UserName=ann.name)
    bob = Person(client)
    assert refused(iam.create_access_key, UserName=bob.name)[0] == "AccessDenied"


def test_the_simulation_says_what_the_gateway_does(client: Client, ann: Person, bucket: str) -> None:
    ann.may(allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/open/*"))
    no_s3 = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    client("iam").put_user_permissions_boundary(UserName=ann.name, PermissionsBoundary=no_s3)
    asked = {"PolicySourceArn": ann.arn, "ActionNames": ["s3:GetObject"]}

    resources = [f"arn:aws:s3:::{bucket}/{key}" for key in ("open/a.csv", "closed/b.csv")]
    results = client("iam").simulate_principal_policy(**asked, ResourceArns=resources)["EvaluationResults"]
    assert [one["EvalDecision"] for one in results] == ["implicitDeny", "implicitDeny"]
    assert results[0]["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    assert refused(ann.client("s3").get_object, Bucket=bucket, Key="open/a.csv")[0] == "AccessDenied"

    client("iam").delete_user_permissions_boundary(UserName=ann.name)
    results = client("iam").simulate_principal_policy(**asked, ResourceArns=resources)["EvaluationResults"]
    assert [one["EvalDecision"] for one in results] == ["allowed", "implicitDeny"]
    assert ann.client("s3").get_object(Bucket=bucket, Key="open/a.csv")


def test_where_a_request_comes_from(ann: Person, bucket: str) -> None:
    here = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}, "StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    s3 = ann.may(allow("s3:GetObject", Condition=here)).client("s3")
    assert s3.get_object(Bucket=bucket, Key="open/a.csv")
    ann.may(allow("s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    assert refused(s3.get_object, Bucket=bucket, Key="open/a.csv")[0] == "AccessDenied"
    ann.may(allow("s3:GetObject", Condition={"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}))
    assert refused(s3.get_object, Bucket=bucket, Key="open/a.csv")[0] == "AccessDenied"


def test_an_invocation_is_asked_about_anew_as_far_as_it_differs(client: Client, ann: Person) -> None:
    """Nobody has such an endpoint: who may invoke it is told so, with another error than who may not."""
    runtime, name = ann.client("sagemaker-runtime"), f"e-{uuid.uuid4().hex}"
    arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/{name}"

    def invoke(**members: Any) -> str:
        return refused(runtime.invoke_endpoint, EndpointName=name, Body=b"1", **members)[0]

    def allowed_if(**condition: Any) -> list[str]:
        ann.may(allow("sagemaker:InvokeEndpoint", on=arn, Condition=condition))
        return [invoke() for _ in range(3)]

    yes, no = ["ValidationError"] * 3, ["AccessDeniedException"] * 3
    assert allowed_if(ArnLike={"aws:PrincipalArn": ann.arn}) == yes, "hangs on the caller alone"
    assert allowed_if(ArnLike={"aws:PrincipalArn": f"{ann.arn}x"}) == no, "and is forgotten when the policy changes"
    assert allowed_if(IpAddress={"aws:SourceIp": "127.0.0.1"}) == yes
    assert allowed_if(StringEquals={"aws:PrincipalTag/team": "red"}) == no
    client("iam").tag_user(UserName=ann.name, Tags=[{"Key": "team", "Value": "red"}])
    assert [invoke() for _ in range(3)] == yes, "a tag counts at once"
    client("iam").untag_user(UserName=ann.name, TagKeys=["team"])
    assert [invoke() for _ in range(3)] == no, "and is missed at once"
    assert allowed_if(StringEquals={"sagemaker:TargetModel": "a.tar.gz"}) == no
    assert invoke(TargetModel="a.tar.gz") == "ValidationError"
    assert invoke() == "AccessDeniedException", "what one request was allowed is not for the next"


def test_secure_transport_is_tls(ann: Person, server: ServerProcess, role: Callable[..., str]) -> None:
    """As it is through the tunnel to STS's own hosts, which the SDKs call whatever the endpoint is."""
    ann.may(allow("sts:AssumeRole", Condition={"Bool": {"aws:SecureTransport": "true"}}))
    arn = role(trust={**TRUST, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})
    asked = {"RoleArn": arn, "RoleSessionName": "session"}
    assert refused(ann.client("sts").assume_role, **asked)[0] == "AccessDenied"

    options = {
        "endpoint_url": "https://sts.us-east-1.amazonaws.com",
        "verify": server.shell_env()["AWS_CA_BUNDLE"],
        "config": Config(proxies={"https": server.url}, retries={"total_max_attempts": 1}),
    }
    assert boto3.client("sts", "us-east-1", **options, **ann.keys).assume_role(**asked)  # type: ignore[call-overload]

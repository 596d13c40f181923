"""What routing knows without reading a model agrees with the models."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from sagewright.wire.models import SERVED, Served, service_model
from sagewright.wire.validation import compile_pattern


@pytest.mark.parametrize("served", SERVED.values(), ids=lambda served: served.name)
def test_the_table_of_services_repeats_the_models(served: Served) -> None:
    model = service_model(served.name)
    assert served.signing_name == model.signing_name
    assert set(served.protocols) == set(model.metadata["protocols"]), "any of them may be a client's choice"
    assert served.protocols[0] == model.resolved_protocol, "boto3's choice comes first"
    if "json" in served.protocols:
        assert served.target_prefix == model.metadata["targetPrefix"]
    if "query" in served.protocols:
        assert served.api_version == model.api_version


def test_patches_leave_botocores_own_copy_alone() -> None:
    assert "GetBucketLifecycle" not in service_model("s3").operation_names
    assert "GetBucketLifecycle" in Loader().load_service_model("s3", "service-2")["operations"]
    assert service_model("s3").shape_for("ListObjectsV2Output").serialization["name"] == "ListBucketResult"


def test_a_service_that_is_not_served_has_no_model() -> None:
    with pytest.raises(KeyError):
        service_model("ec2")


@pytest.mark.parametrize("service", SERVED)
def test_every_pattern_compiles(service: str) -> None:
    model = service_model(service)
    for name in model.shape_names:
        pattern = model.shape_for(name).metadata.get("pattern")
        if pattern:
            compile_pattern(pattern)


def test_patterns_mean_what_java_means() -> None:
    assert compile_pattern("[a-z]$").match("a\n") is None
    assert compile_pattern(r"\w+").match("ä") is None
    table_name = service_model("sagemaker").shape_for("TableName").metadata["pattern"]
    assert compile_pattern(table_name).match("daten \U0001f600")
    assert compile_pattern(table_name).match("\x01") is None

"""Image: what every noun promises, and what an update takes away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.records.examples import IMAGE

from sagewright.testing.nouns import NounCase

Client = Callable[..., Any]


class TestImage(NounCase):
    kind = "Image"
    example = IMAGE
    update: ClassVar[dict[str, Any]] = {"DisplayName": "Shown"}


def test_an_update_takes_properties_away_and_versions_go_with_the_image(client: Client) -> None:
    sagemaker = client("sagemaker")
    sagemaker.create_image(**{**IMAGE, "ImageName": "bare"})
    sagemaker.create_image_version(ImageName="bare", BaseImage="r/i:1", ClientToken="t")
    sagemaker.update_image(ImageName="bare", DeleteProperties=["Description"], DisplayName="Bare")
    described = sagemaker.describe_image(ImageName="bare")
    assert (described["DisplayName"], described["ImageStatus"]) == ("Bare", "CREATED")
    assert "Description" not in described
    sagemaker.delete_image(ImageName="bare")
    sagemaker.create_image(**{**IMAGE, "ImageName": "bare"})
    assert sagemaker.list_image_versions(ImageName="bare")["ImageVersions"] == []
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.list_image_versions(ImageName="nothere")

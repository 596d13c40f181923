"""Where the requirements of a job's code lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.kit.jobs import archive

from sagewright.backends.base import Input, InputFile
from sagewright.services.sagemaker._shared.requirements import (
    requirements_at,
    requirements_beside_the_code,
    requirements_in,
)


def test_an_archive_is_read_with_the_files_it_names(tmp_path: Path) -> None:
    packed = tmp_path / "sourcedir.tar.gz"
    packed.write_bytes(archive({"./requirements.txt": "-r more/base.txt\nsix\n", "more/base.txt": "toolz\n"}))
    assert requirements_in(packed) == "toolz\nsix"
    assert requirements_in(packed, "other.txt") is None
    entry = Input("/in", (InputFile("sourcedir.tar.gz", str(packed), 1),))
    assert requirements_at([entry], "/in/sourcedir.tar.gz") == "toolz\nsix"
    assert requirements_at([entry], "/in/other.tar.gz") is None
    packed.write_bytes(b"no archive")
    assert requirements_in(packed) is None


def test_an_archive_is_read_once_however_often_work_is_looked_at(tmp_path: Path) -> None:
    packed = tmp_path / "sourcedir.tar.gz"
    packed.write_bytes(archive({"requirements.txt": "six\n"}))
    assert requirements_in(packed) == "six"
    state = packed.stat()
    packed.write_bytes(bytes(state.st_size))
    os.utime(packed, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert requirements_in(packed) == "six", "of the same size and time: it was not read again"
    assert requirements_in(tmp_path / "gone") is None


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("$SM_PYTHON_CMD /opt/ml/input/data/sm_drivers/scripts/install_requirements.py deep/reqs.txt", "deep/reqs.txt"),
        ("$SM_PIP_CMD install -r ./reqs.txt", "reqs.txt"),
        ("pip install -r requirements.txt", "requirements.txt"),
        ("echo nothing", "requirements.txt"),
    ],
)
def test_the_drivers_of_sdk_v3_name_the_file(tmp_path: Path, line: str, name: str) -> None:
    (tmp_path / "sm_train.sh").write_text(f"#!/bin/bash\n{line}\n")
    (tmp_path / "reqs").write_text("six\n")
    drivers = Input("/opt/ml/input/data/sm_drivers", (InputFile("sm_train.sh", str(tmp_path / "sm_train.sh"), 9),))
    code = Input("/opt/ml/input/data/code", (InputFile(name, str(tmp_path / "reqs"), 4),))
    assert requirements_beside_the_code([drivers, code]) == "six"
    assert requirements_beside_the_code([code]) is None

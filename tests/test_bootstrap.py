"""An installation as a whole: what a reset ends."""

from __future__ import annotations

import pytest
from tests.kit.eventually import eventually
from tests.kit.servers import jobs_of

from sagewright.testing.server import ServerProcess


@pytest.mark.slow
def test_a_reset_ends_what_runs(fresh: ServerProcess) -> None:
    jobs = jobs_of(fresh)
    name = jobs.start("import time; print('up', flush=True); time.sleep(600)")
    eventually(lambda: "up" in jobs.log(name), what=lambda: jobs.log(name), seconds=60)
    assert list((fresh.data_dir / "runs").iterdir())
    assert fresh.leftovers()
    fresh.reset()
    assert not list((fresh.data_dir / "runs").iterdir())
    eventually(lambda: not fresh.leftovers(), what=fresh.leftovers, seconds=20)
    with pytest.raises(jobs.sagemaker.exceptions.ClientError, match="not found"):
        jobs.sagemaker.describe_training_job(TrainingJobName=name)

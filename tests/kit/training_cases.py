"""Training jobs for which the answer of the real toolkit is recorded in ``golden.json`` by ``record.py``."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROBE = """
import json, os, sys
kept = {k: v for k, v in os.environ.items() if k.startswith(("SM_", "SAGEMAKER_")) or k == "CURRENT_HOST"}
json.dump({"argv": sys.argv, "env": kept, "cwd": os.getcwd(), "file": __file__, "name": __name__, "path": sys.path[0]},
          open(os.environ["SAGEMAKER_BASE_DIR"] + "/probe.json", "w"))
"""
ONE = {
    "current_host": "algo-1",
    "current_instance_type": "ml.m5.large",
    "current_group_name": "homogeneousCluster",
    "hosts": ["algo-1"],
    "instance_groups": [
        {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
    ],
    "network_interface_name": "eth0",
}
MIXED = {
    "current_host": "algo-2",
    "current_instance_type": "ml.c5.xlarge",
    "current_group_name": "second",
    "hosts": ["algo-1", "algo-2", "algo-3"],
    "instance_groups": [
        {"instance_group_name": "first", "instance_type": "ml.m5.large", "hosts": ["algo-1"]},
        {"instance_group_name": "second", "instance_type": "ml.c5.xlarge", "hosts": ["algo-2", "algo-3"]},
    ],
    "network_interface_name": "eth0",
}
CHANNEL = {
    "TrainingInputMode": "File",
    "S3DistributionType": "FullyReplicated",
    "RecordWrapperType": "None",
    "ContentType": "text/csv",
}


@dataclass(frozen=True)
class Case:
    name: str
    files: dict[str, str] = field(default_factory=lambda: {"train.py": PROBE})
    hyperparameters: dict[str, str] = field(default_factory=lambda: {"sagemaker_program": '"train.py"'})
    resources: dict[str, Any] = field(default_factory=lambda: ONE)
    channels: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)

    def lay_out(self, base: Path) -> None:
        for name, text in self.files.items():
            path = base / "code" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for folder in ("model", "output/data", "input/config", *(f"input/data/{name}" for name in self.channels)):
            (base / folder).mkdir(parents=True, exist_ok=True)
        config = base / "input/config"
        (config / "hyperparameters.json").write_text(json.dumps(self.hyperparameters))
        (config / "resourceconfig.json").write_text(json.dumps(self.resources))
        (config / "inputdataconfig.json").write_text(json.dumps(self.channels))


def script(name: str, text: str) -> Case:
    return Case(name, {"train.py": text})


CASES = [
    Case("nothing"),
    Case(
        "hyperparameters",
        hyperparameters={
            "sagemaker_program": '"train.py"', "sagemaker_submit_directory": '"s3://b/sourcedir.tar.gz"',
            "sagemaker_job_name": '"job"', "sagemaker_region": '"eu-west-1"', "sagemaker_container_log_level": "30",
            "sagemaker_unknown": '{"a": [1]}', "_tuning_objective_metric": '"validation:auc"',
            "n-estimators": "100", "k": "3", "rate": "0.10", "on": "true", "off": "null", "list": '["a", 1, null]',
            "map": '{"b": 2, "a": "x"}', "plain": "not json", "quoted": '"a b"', "empty": '""', "word": '"zürich €"',
            "Upper": "1e-3",
        },
        channels={"train": CHANNEL, "validation": CHANNEL},
        env={"TRAINING_JOB_NAME": "job"},
    ),
    Case("groups", resources=MIXED, channels={"train": CHANNEL}),
    Case("few-resources", resources={"current_host": "algo-1", "hosts": ["algo-1"]}),
    Case(
        "below",
        {"bin/train.py": PROBE},
        {"sagemaker_program": '"bin/train.py"', "a": "1"},
    ),
    script("raises", "def work():\n    raise ValueError('boom: it')\n\nwork()\n"),
    script("divides", "x = 0\nprint(1 / x)\n"),
    script("chained", "try:\n    {}['a']\nexcept KeyError as e:\n    raise RuntimeError('no a') from e\n"),
    script("exits-3", "import sys\nsys.exit(3)\n"),
    script("exits-0", "import sys\nsys.exit(0)\n"),
    script("own-failure", "import os\nopen(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('mine')\n1 / 0\n"),
    script("syntax", "x = (\n"),
    Case(
        "shell",
        {"run.sh": f"#!/bin/sh\nexec python3 - \"$@\" <<'EOF'\n{PROBE.replace('__file__', '0')}\nEOF\n"},
        {"sagemaker_program": '"run.sh"', "message": '"a b; $HOME"'},
    ),
    Case(
        "shell-fails",
        {"run.sh": "#!/bin/sh\necho 'OSError: no disk' >&2\nexit 7\n"},
        {"sagemaker_program": '"run.sh"', "a": "1"},
    ),
]  # fmt: skip


def run(case: Case, base: Path, command: list[str]) -> dict[str, Any]:
    """What a training program makes of a case, with this machine's paths taken out."""
    case.lay_out(base)
    env = {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": str(base), "SM_STUDIO_LOCAL_MODE": "true", **case.env}
    done = subprocess.run(command, env=env, cwd=base, capture_output=True, text=True, timeout=120, check=False)
    probe = base / "probe.json"
    output = base / "output"
    found = {
        "exit": done.returncode,
        "success": (output / "success").exists(),
        "failure": (output / "failure").read_text() if (output / "failure").exists() else None,
        "probe": json.loads(probe.read_text()) if probe.exists() else None,
    }
    if found["probe"]:
        env = found["probe"]["env"]
        for name in ("SAGEMAKER_BASE_DIR", "SM_STUDIO_LOCAL_MODE", "SM_NUM_CPUS", "SM_NUM_GPUS"):
            del env[name]
        snapshot = json.loads(env["SM_TRAINING_ENV"])
        del snapshot["num_cpus"], snapshot["num_gpus"]
        env["SM_TRAINING_ENV"] = snapshot
    text = json.dumps(found).replace(str(base), "{base}").replace(command[0], "{python}")
    cleaned: dict[str, Any] = json.loads(text)
    return cleaned

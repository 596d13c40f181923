"""A training job as its program sees it: directories, hyperparameters, hosts, channels, and the ``SM_*`` variables.

Everything is read from ``/opt/ml/input/config``; ``SAGEMAKER_BASE_DIR`` names another place for ``/opt/ml``.
No dataclasses here: importing them costs as much as all the rest of ``train``.
"""

# No pathlib, no typing: they are slow to import, and every job waits for this.
from __future__ import annotations

import json
import os
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PREFIX = "sagemaker_"
# The toolkit's own hyperparameters. Others with the prefix are the framework's; the rest are the user's.
_OWN = frozenset(
    {
        "sagemaker_program", "sagemaker_submit_directory", "sagemaker_enable_cloudwatch_metrics", "sagemaker_region",
        "sagemaker_container_log_level", "sagemaker_job_name", "default_user_module_name", "sagemaker_s3_output",
        "_tuning_objective_metric",
    }
)  # fmt: skip
_DISTRIBUTION = (
    "sagemaker_mpi_enabled", "sagemaker_parameter_server_enabled", "sagemaker_distributed_dataparallel_enabled",
    "sagemaker_pytorch_ddp_enabled", "sagemaker_pytorch_xla_multi_worker_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled", "sagemaker_torch_distributed_enabled",
)  # fmt: skip
_GROUP = "homogeneousCluster"
_INFO = 20


class Training:
    """One host's part of a training job. ``environ`` is the process's environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.base = environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
        self.code_dir = f"{self.base}/code"
        self.model_dir = f"{self.base}/model"
        self.output_dir = f"{self.base}/output"
        self.config_dir = f"{self.base}/input/config"
        self.resources: dict[str, Any] = self._read("resourceconfig.json")
        self.channels: dict[str, Any] = self._read("inputdataconfig.json")
        self.raw_hyperparameters: dict[str, str] = self._read("hyperparameters.json")
        decoded = {name: _decoded(value) for name, value in self.raw_hyperparameters.items()}
        self.own = {name: value for name, value in decoded.items() if name in _OWN}
        self.framework = {n: v for n, v in decoded.items() if n.startswith(_PREFIX) and n not in _OWN}
        self.hyperparameters = {n: v for n, v in decoded.items() if n not in _OWN and n not in self.framework}
        self.host: str = self.resources["current_host"]
        self.hosts: list[str] = self.resources["hosts"]
        self.program: str | None = environ.get("SAGEMAKER_PROGRAM") or self.own.get("sagemaker_program")
        self.source = str(self.own.get("sagemaker_submit_directory", self.code_dir))
        self.log_level = self.own.get("sagemaker_container_log_level", _INFO)

    def channel_dir(self, channel: str) -> str:
        """Where a channel's files lie."""
        return f"{self.base}/input/data/{channel}"

    def checkpoints(self) -> str | None:
        """The job's checkpoint directory, None when it has none."""
        if not os.path.exists(f"{self.config_dir}/checkpointconfig.json"):
            return None
        path: str = self._read("checkpointconfig.json").get("LocalPath", f"{self.base}/checkpoints")
        return path

    def distribution(self) -> list[str]:
        """The hyperparameters that ask for a distributed launcher."""
        return [name for name in _DISTRIBUTION if self.framework.get(name)]

    def arguments(self) -> list[str]:
        """The user's hyperparameters as arguments, in order of their names: ``--depth 3``, ``-k 1``."""
        return to_arguments(self.hyperparameters)

    def variables(self) -> dict[str, str]:
        """The ``SM_*`` variables, and those without the prefix that the toolkit leaves beside them."""
        facts = self.facts()
        by_name = {f"channel_{channel}": self.channel_dir(channel) for channel in self.channels}
        by_name.update((f"hp_{name}", value) for name, value in self.hyperparameters.items())
        region = self.environ.get("AWS_REGION") or self.environ.get("AWS_DEFAULT_REGION") or ""
        return {
            **to_variables({**self._values(facts), **by_name}),
            "SAGEMAKER_JOB_NAME": str(self.own.get("sagemaker_job_name", "")),
            "CURRENT_HOST": self.host,
            "SAGEMAKER_REGION": str(self.own.get("sagemaker_region") or region),
        }

    def _read(self, name: str) -> Any:
        with open(f"{self.config_dir}/{name}", encoding="utf-8") as file:
            return json.load(file)

    def facts(self) -> dict[str, Any]:
        """The snapshot that ``SM_TRAINING_ENV`` holds, by the toolkit's names."""
        group = self.resources.get("current_group_name", _GROUP)
        groups = {each["instance_group_name"]: each for each in self.resources.get("instance_groups", ())}
        distributed = self.framework.get(
            "sagemaker_distribution_instance_groups", [group] if self.distribution() else []
        )
        # Without groups every host takes part, as in the SDK's local mode.
        taking_part = [host for name in distributed for host in groups.get(name, {}).get("hosts", ())]
        distribution_hosts = taking_part if groups else list(self.hosts)
        master = (distribution_hosts or self.hosts)[0]
        parallel = self.environ.get("SM_HP_MP_PARAMETERS")
        return {
            "additional_framework_parameters": self.framework,
            "channel_input_dirs": {channel: self.channel_dir(channel) for channel in self.channels},
            "current_host": self.host,
            "current_instance_group": group,
            "current_instance_group_hosts": groups.get(group, {}).get("hosts", []),
            "current_instance_type": self.resources.get("current_instance_type", "local"),
            "distribution_hosts": distribution_hosts,
            "distribution_instance_groups": distributed,
            "framework_module": self.environ.get("SAGEMAKER_TRAINING_MODULE"),
            "hosts": self.hosts,
            "hyperparameters": self.hyperparameters,
            "input_config_dir": self.config_dir,
            "input_data_config": self.channels,
            "input_dir": f"{self.base}/input",
            "instance_groups": list(groups),
            "instance_groups_dict": groups,
            "is_hetero": len(groups) > 1,
            "is_master": self.host == master,
            "is_modelparallel_enabled": parallel and parallel != "{}",
            "is_smddpmprun_installed": False,
            "is_smddprun_installed": False,
            "job_name": self.environ.get("TRAINING_JOB_NAME"),
            "log_level": self.log_level,
            "master_hostname": master,
            "model_dir": self.model_dir,
            "module_dir": self.source,
            "module_name": without_ending(str(self.program)),
            "network_interface_name": self.resources.get("network_interface_name", "eth0"),
            "num_cpus": len(os.sched_getaffinity(0)),
            "num_gpus": sum(name[:6] == "nvidia" and name[6:].isdigit() for name in os.listdir("/dev")),
            "num_neurons": 0,
            "output_data_dir": f"{self.output_dir}/data",
            "output_dir": self.output_dir,
            "output_intermediate_dir": f"{self.output_dir}/intermediate",
            "resource_config": self.resources,
            "topology": self.resources.get("topology", []),
            "user_entry_point": self.program,
        }

    def _values(self, facts: dict[str, Any]) -> dict[str, Any]:
        """The values that become variables: most facts by their names, some under other names."""
        unnamed = {
            "additional_framework_parameters", "channel_input_dirs", "distribution_hosts", "hyperparameters",
            "is_master", "is_modelparallel_enabled", "is_smddpmprun_installed", "is_smddprun_installed", "job_name",
            "master_hostname", "topology",
        }  # fmt: skip
        return {
            **{name: value for name, value in facts.items() if name not in unnamed},
            "hps": self.hyperparameters,
            "framework_params": self.framework,
            "channels": sorted(self.channels),
            "training_env": facts,
            "user_args": self.arguments(),
            **({"topology": facts["topology"]} if facts["topology"] else {}),
        }


def without_ending(program: str) -> str:
    """The module name of a Python program: the path without its ``.py``."""
    return program[: -len(".py")] if program.endswith(".py") else program


def to_arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """``{"depth": 3, "k": True, "m": {"a": 1}}`` as ``--depth 3 -k True -m a=1``, sorted by name."""
    arguments = []
    for name, value in sorted(hyperparameters.items()):
        arguments.append((f"--{name}" if len(name) > 1 else f"-{name}") if name else "")
        if isinstance(value, dict):
            arguments.append(",".join(f"{key}={each}" for key, each in sorted(value.items())))
        else:
            arguments.append("" if value is None else str(value))
    return arguments


def to_variables(values: Mapping[str, Any]) -> dict[str, str]:
    """``SM_`` and the name in capitals; text as it is, None empty, anything else as compact JSON with sorted keys."""
    return {f"SM_{name.upper()}": _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _decoded(value: Any) -> Any:
    """SDKs send each hyperparameter as JSON text; a text that is not JSON is the value itself."""
    try:
        return json.loads(value)
    except (ValueError, TypeError):
        return value

"""SDK v2: triggers of a pipeline are put, described, put again and deleted by its own code."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytz
import sagemaker
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.triggers import PipelineSchedule

session = sagemaker.Session()
role = sagemaker.get_execution_role(session)
account, region = session.account_id(), session.boto_region_name


class Nightly(Pipeline):
    """A pipeline that is described without asking: schedules are put before a pipeline exists, too."""

    def describe(self) -> dict:
        return {"PipelineArn": f"arn:aws:sagemaker:{region}:{account}:pipeline/{self.name}"}


pipeline = Nightly(name="v2-triggers", sagemaker_session=session)
later = datetime.now(tz=pytz.utc) + timedelta(days=1)
arns = pipeline.put_triggers(
    [
        PipelineSchedule(name="v2-cron", cron="15 3 ? * MON-FRI *", start_date=later),
        PipelineSchedule(name="v2-rate", rate=(6, "hours"), enabled=False),
        PipelineSchedule(name="v2-at", at=later),
    ],
    role_arn=role,
)
described = {name: pipeline.describe_trigger(name) for name in ("v2-cron", "v2-rate", "v2-at")}
again = pipeline.put_triggers([PipelineSchedule(name="v2-cron", rate=(1, "day"))], role_arn=role)
updated = pipeline.describe_trigger("v2-cron")
wrong = ""
try:
    pipeline.put_triggers([PipelineSchedule(name="v2-wrong", cron="99 * * * ? *")], role_arn=role)
except Exception as error:
    wrong = f"{type(error).__name__}: {error}"
pipeline.delete_triggers(["v2-cron", "v2-rate", "v2-at", "v2-never"])
left = session.boto_session.client("scheduler").list_schedules(NamePrefix="v2-")["Schedules"]
summary = {
    "arns": sorted(arns),
    "described": {name: each["Schedule_Expression"] for name, each in described.items()},
    "states": {name: each["Schedule_State"] for name, each in described.items()},
    "start": described["v2-cron"]["Schedule_Start_Date"] == later.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "role": described["v2-cron"]["Schedule_Role"] == role,
    "again": again,
    "updated": updated["Schedule_Expression"],
    "wrong": wrong,
    "left": len(left),
}
Path("summary.json").write_text(json.dumps(summary))

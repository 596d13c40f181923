"""Amazon Resource Names: ``arn:aws:<service>:<region>:<account>:<resource>``."""

from __future__ import annotations

from typing import NamedTuple


class Arn(NamedTuple):
    """A parsed ARN. ``resource`` is everything after the account, such as ``training-job/churn-1``."""

    service: str
    region: str
    account: str
    resource: str
    partition: str = "aws"

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @classmethod
    def parse(cls, text: str) -> Arn:
        """Read an ARN; raises ``ValueError`` when ``text`` is not one."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or not parts[5]:
            raise ValueError(f"not an ARN: {text!r}")
        return cls(service=parts[2], region=parts[3], account=parts[4], resource=parts[5], partition=parts[1])

"""300 requests with one thing wrong, for each operation: refused in AWS's form, never by a 500, and nothing changes.

Scheduler and EventBridge.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contract.bad_input.trial import Arena, Trial, served

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("service", "operation", "protocol"), served("scheduler", "events"))
def test_what_is_wrong_is_refused_and_changes_nothing(
    arena: Callable[[str], Arena], service: str, operation: str, protocol: str
) -> None:
    Trial(arena(service), operation, protocol).run()

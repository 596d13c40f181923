"""What a request could have changed: every table of the database, the files of logs and blobs."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sagewright.store.schema import metadata

_WORKING = (
    "('TrainingJob', 'ProcessingJob', 'TransformJob', 'Endpoint', 'Schedule', 'Rule', 'EventDelivery', "
    "'HyperParameterTuningJob', 'PipelineExecution')"
)
_TOLD = "('TrialComponent', 'Artifact', 'Action', 'Context')"
"""Kinds of which readers of the feed make some, at their own pace: the lineage and the trial components of jobs."""
_ITSELF = "IS 'sagemaker.amazonaws.com'"
_OURS = "'/aws/sagemaker/%'"
_THEIRS = "lower(namespace) NOT LIKE '%aws/sagemaker%' AND lower(namespace) NOT IN ('aws/events', 'aws/scheduler')"
_NAMED = "SELECT blob FROM objects UNION SELECT blob FROM parts"
_ENGINE = {
    # The engine moves these at its own pace; requests write the other columns, and wishes.
    "resources": f"SELECT id, arn, spec, wish, created, CASE WHEN kind IN {_WORKING} THEN '' ELSE "
    "json_array(name, status, run, phase, modified, version) END FROM resources "
    "WHERE NOT (kind = 'Endpoint' AND json_extract(wish, '$.word') IS 'gone') "
    f"AND NOT json_extract(status, '$.CreatedBy.IamIdentity.Arn') {_ITSELF} ORDER BY id",
    "links": f"SELECT * FROM links WHERE NOT json_extract(created_by, '$.IamIdentity.Arn') {_ITSELF} ORDER BY 1, 2",
    # Readers of the feed make and move them at their own pace.
    "cursors": "SELECT 0",
    "changes": f"SELECT * FROM changes WHERE kind NOT IN {_WORKING} AND kind NOT IN {_TOLD} ORDER BY seq",
    "events": f"SELECT * FROM events WHERE resource NOT IN (SELECT id FROM resources WHERE kind IN {_WORKING}) "
    "AND arn NOT LIKE '%:%-job/%' AND arn NOT LIKE '%:endpoint/%' ORDER BY seq",
    # Keys of jobs, which are issued when the jobs ask for them.
    "access_keys": "SELECT * FROM access_keys WHERE json_extract(session, '$.Run') IS NULL ORDER BY id",
    "metrics": f"SELECT * FROM metrics WHERE {_THEIRS} ORDER BY id",
    "metric_points": f"SELECT * FROM metric_points WHERE metric IN (SELECT id FROM metrics WHERE {_THEIRS}) "
    "ORDER BY metric, at_ms, source",
    "log_groups": f"SELECT * FROM log_groups WHERE name NOT LIKE {_OURS} ORDER BY id",
    "log_streams": "SELECT * FROM log_streams WHERE group_id IN "
    f"(SELECT id FROM log_groups WHERE name NOT LIKE {_OURS}) ORDER BY id",
}


class State:
    """Looks at a server's data directory from outside. ``changed`` tells whether anything is not as it was."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._database = sqlite3.connect(f"file:{data}/sagewright.db?mode=ro", uri=True, isolation_level=None)
        self._version = -1
        self._rows = b""
        self._log_sizes: dict[str, int] = {}
        self._named: set[str] = set()
        self.changed(logs=True)

    def changed(self, *, logs: bool) -> bool:
        """Whether a row differs since the last call or, if asked for, the size of a log."""
        rows, sizes = self._rows, self._log_sizes
        (version,) = self._database.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._version, self._rows = version, self._digest()
        if logs:
            self._log_sizes = {str(path): path.stat().st_size for path in self._logs()}
        return (rows, sizes) != (self._rows, self._log_sizes)

    def orphans(self) -> set[str]:
        """Blobs that no row ever named: what a refused upload left behind."""
        kept = ((self._data / "objects" / kind).glob("*/*") for kind in ("blobs", "pieces"))
        return {path.name for paths in kept for path in paths} - self._named

    def _digest(self) -> bytes:
        digest = hashlib.blake2b()
        self._database.execute("BEGIN")
        for table in metadata.sorted_tables:
            order = ", ".join(column.name for column in table.primary_key)
            for row in self._database.execute(_ENGINE.get(table.name, f"SELECT * FROM {table.name} ORDER BY {order}")):
                digest.update(repr(row).encode("utf-8", "surrogateescape"))
        self._named.update(blob for (blob,) in self._database.execute(_NAMED))
        self._database.execute("COMMIT")
        return digest.digest()

    def _logs(self) -> Iterator[Path]:
        """All logs but those of work that goes on."""
        engine = f"SELECT s.id FROM log_streams s JOIN log_groups g ON g.id = s.group_id WHERE g.name LIKE {_OURS}"
        working = {identifier for (identifier,) in self._database.execute(engine)}
        return (path for path in (self._data / "logs").glob("*/*.log") if path.stem not in working)

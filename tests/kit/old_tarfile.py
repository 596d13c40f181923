"""Runs programs with ``tarfile`` as it is in Python 3.11.0 to 3.11.3, Debian 12's for one: it knows no filters."""

from __future__ import annotations

from pathlib import Path

_CUSTOMIZE = """
import tarfile
del tarfile.data_filter
for name in ("extract", "extractall"):
    def old(self, *arguments, _new=getattr(tarfile.TarFile, name), **named):
        if "filter" in named:
            raise TypeError("got an unexpected keyword argument 'filter'")
        return _new(self, *arguments, **named)
    setattr(tarfile.TarFile, name, old)
"""


def old_tarfile(folder: Path) -> dict[str, str]:
    """The variables of a process that is to have it; ``folder`` is made for the purpose."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_CUSTOMIZE)
    return {"PYTHONPATH": str(folder)}

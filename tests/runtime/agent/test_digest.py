"""Why a job failed, from what it printed."""

import subprocess
import sys
from pathlib import Path

import pytest

from sagewright_runtime.agent.digest import explain

RECOVERED = [
    "Traceback (most recent call last):",
    '  File "/opt/ml/code/train.py", line 3, in load',
    "OSError: no cache",
]


def fail(place: Path, **files: str) -> str:
    """Run ``train.py`` of ``files`` as a job would and digest what really comes out."""
    code = place / "code"
    for name, text in files.items():
        path = code / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, code / "train.py"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return explain(done.returncode, done.stdout.splitlines(), str(place))


def test_success_needs_no_reason() -> None:
    assert explain(0, RECOVERED) == ""


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (137, "killed by SIGKILL (exit code 137)"),
        (139, "killed by SIGSEGV (exit code 139)"),
        (143, "killed by SIGTERM (exit code 143)"),
        (255, "exited with code 255"),
        (128, "exited with code 128"),
        (2, "exited with code 2"),
    ],
)
def test_the_exit_code_is_decoded(code: int, reason: str) -> None:
    assert explain(code, []) == reason


def test_the_last_line_is_told_when_there_is_no_traceback() -> None:
    assert explain(127, ["epoch 1", "sh: 1: trainn: not found", ""]) == "exited with code 127: sh: 1: trainn: not found"


def test_the_deepest_frame_of_the_users_own_code(tmp_path: Path) -> None:
    main = "import pkg.util\ndef main():\n    pkg.util.parse('x')\nmain()\n"
    said = fail(tmp_path, train=main, pkg__util="import json\ndef parse(text):\n    return json.loads(text)\n")
    assert said.startswith("pkg/util.py line 3, in parse: json.decoder.JSONDecodeError: Expecting value")


def test_module_level_code_has_no_function(tmp_path: Path) -> None:
    assert fail(tmp_path, train="x = 1\ny = x / 0\n") == "train.py line 2: ZeroDivisionError: division by zero"


def test_a_chained_exception_is_the_last_one(tmp_path: Path) -> None:
    train = "try:\n    {}['lr']\nexcept KeyError as error:\n    raise ValueError('lr is missing') from error\n"
    assert fail(tmp_path, train=train) == "train.py line 4: ValueError: lr is missing"


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    assert fail(tmp_path, train="def f(:\n    pass\n") == "train.py line 1: SyntaxError: invalid syntax"
    imported = fail(tmp_path, train="import helper\n", helper="x = = 1\n")
    assert imported == "helper.py line 1: SyntaxError: invalid syntax"


def test_exceptions_without_text_or_of_ones_own(tmp_path: Path) -> None:
    assert fail(tmp_path, train="assert False\n") == "train.py line 1: AssertionError"
    own = "class NoLabels(Exception): pass\nraise NoLabels('column y')\n"
    assert fail(tmp_path, train=own) == "train.py line 2: NoLabels: column y"


def test_endless_recursion(tmp_path: Path) -> None:
    said = fail(tmp_path, train="def f(n):\n    return f(n + 1)\nf(0)\n")
    assert said.startswith("train.py line 2, in f: RecursionError: maximum recursion depth exceeded")


def test_an_exception_group_is_told(tmp_path: Path) -> None:
    said = fail(tmp_path, train="raise ExceptionGroup('several', [ValueError('a'), TypeError('b')])\n")
    assert "train.py line 1: ExceptionGroup: several" in said


def test_a_traceback_the_program_went_on_from_does_not_count() -> None:
    lines = [*RECOVERED, *(f"epoch {n}" for n in range(50)), "no improvement, giving up"]
    assert explain(3, lines) == "exited with code 3: no improvement, giving up"


def test_a_few_parting_words_after_the_traceback_do_not_hide_it() -> None:
    assert explain(1, [*RECOVERED, "saved nothing", "bye"]) == "train.py line 3, in load: OSError: no cache"


def test_frames_of_installed_packages_are_not_the_users() -> None:
    lines = [
        "Traceback (most recent call last):",
        '  File "/opt/ml/input/data/code/train.py", line 8, in <module>',
        "    model.fit(x, y)",
        '  File "/cache/env/lib/python3.11/site-packages/sklearn/base.py", line 1151, in wrapper',
        "    return fit_method(estimator, *args, **kwargs)",
        "ValueError: Input X contains NaN.",
        "LogisticRegression does not accept missing values",
    ]
    assert explain(1, lines) == "train.py line 8: ValueError: Input X contains NaN."


def test_a_launchers_own_traceback_gives_way_to_the_workers() -> None:
    lines = [
        "[rank0]: Traceback (most recent call last):",
        '[rank0]:   File "/opt/ml/code/ddp.py", line 21, in step',
        "[rank0]:     loss.backward()",
        "[rank0]: RuntimeError: shapes differ",
        "E1123 12:00:00 api.py:874] failed (exitcode: 1) local_rank: 0 (pid: 11) of binary: python",
        "Traceback (most recent call last):",
        '  File "/cache/env/bin/torchrun", line 8, in <module>',
        "    sys.exit(main())",
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:",
        "=====",
        "ddp.py FAILED",
    ]
    assert explain(1, lines) == "ddp.py line 21, in step: RuntimeError: shapes differ"


def test_a_message_of_several_lines_does_not_hide_its_exception(tmp_path: Path) -> None:
    train = "rule = '*' * 40\nraise ValueError('\\n'.join(['wrong columns', rule, *map(str, range(20)), rule]))\n"
    assert fail(tmp_path, train=train) == "train.py line 2: ValueError: wrong columns"


def test_a_message_that_begins_with_a_blank_line(tmp_path: Path) -> None:
    train = "raise ValueError('\\nAll the 5 fits failed.\\nSee below.')\n"
    assert fail(tmp_path, train=train) == "train.py line 1: ValueError: All the 5 fits failed."


def test_a_stack_of_the_library_below_an_exception_is_no_reason() -> None:
    lines = [
        "Traceback (most recent call last):",
        '  File "/opt/ml/code/train.py", line 8, in <module>',
        "    xgboost.train(p, d)",
        '  File "/cache/env/lib/python3.11/site-packages/xgboost/core.py", line 279, in _check_call',
        "    raise XGBoostError(py_str(_LIB.XGBGetLastError()))",
        "xgboost.core.XGBoostError: [14:11:50] /workspace/src/data.cc:9: Check failed: labels.Size() == n",
        "Stack trace:",
        *(f"  [bt] ({n}) python(_PyEval_EvalFrameDefault+0x2e53) [0x7fbd9f4fd9c3]" for n in range(9)),
    ]
    assert explain(1, lines) == (
        "train.py line 8: xgboost.core.XGBoostError: [14:11:50] /workspace/src/data.cc:9: "
        "Check failed: labels.Size() == n"
    )


def test_the_usage_of_a_program_with_wrong_arguments(tmp_path: Path) -> None:
    train = (
        "import argparse\nparser = argparse.ArgumentParser('train.py')\nparser.add_argument('--lr', type=float)\n"
        "parser.parse_args(['--lr', 'fast'])\n"
    )
    assert fail(tmp_path, train=train) == (
        "exited with code 2: usage: train.py [-h] [--lr LR]\n"
        "train.py: error: argument --lr: invalid float value: 'fast'"
    )


def test_a_rule_and_our_own_lines_are_no_last_words() -> None:
    assert explain(3, ["no labels", "*" * 30, "---"]) == "exited with code 3: no labels"
    assert explain(3, ["2026-11-29 14:00:00,123 sagewright   INFO     Running train.py --lr 1"]) == "exited with code 3"
    assert explain(3, ["***"]) == "exited with code 3: ***"


def test_a_reason_is_short() -> None:
    assert len(explain(1, ["x" * 100_000])) <= 1000

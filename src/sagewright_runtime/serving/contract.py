"""The inference contract: the functions of a user's module around a loaded model.

``model_fn(model_dir)`` loads; then for each request either ``transform_fn(model, body, content_type, accept)``, or
``input_fn(body, content_type)``, ``predict_fn(data, model)``, ``output_fn(prediction, accept)``, each with a default
by framework. Any of them may take one more argument, the ``context``. Optional: ``pre_model_fn(model_dir)`` and
``model_warmup_fn(model_dir, model)``. What answers with an iterator, such as a generator, answers in parts, which
InvokeEndpointWithResponseStream passes on as they come. After the SageMaker inference toolkit and the framework
containers.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from sagewright_runtime.serving import codecs
from sagewright_runtime.serving.context import Context
from sagewright_runtime.serving.server import Answer, Request
from sagewright_runtime.shared.unpack import unpack

Function = Callable[..., Any]
_STEPS = ("input_fn", "predict_fn", "output_fn")


class ContractError(Exception):
    """The user's module breaks the contract, or is not where it is said to be."""


class Defaults(NamedTuple):
    """What a framework's container does where the user's module defines no function of its own."""

    input_fn: Function
    predict_fn: Function
    output_fn: Function = codecs.encode


def find_module(env: Mapping[str, str]) -> tuple[Path, Path] | None:
    """The user's module and the top of its code.

    That is ``SAGEMAKER_PROGRAM`` (``inference.py``) in ``SAGEMAKER_SUBMIT_DIRECTORY`` or ``code/``.
    The submit directory counts when it is a local directory or ``.tar.gz`` (of an ``s3://`` one the server has laid the
    files out in the model's ``code/``). None when no program is named and there is none.
    Raises ``ContractError`` when a named program is not there.
    """
    program = env.get("SAGEMAKER_PROGRAM", "")
    name = program or "inference.py"
    submitted = env.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if submitted.startswith("file://"):
        submitted = submitted[len("file://") :]
    folders = [Path(env.get("SM_MODEL_DIR", "/opt/ml/model")) / "code"]
    if submitted and "://" not in submitted:
        folders.insert(0, _unpacked(Path(submitted)))
    for folder in folders:
        if (folder / name).is_file():
            return folder / name, folder
    if program:
        raise ContractError(f"SAGEMAKER_PROGRAM is {program}, but there is no such file in {folders[0]}")
    return None


def _unpacked(path: Path) -> Path:
    if not path.is_file():
        return path
    folder = tempfile.mkdtemp(prefix="code-")
    unpack(str(path), folder)
    return Path(folder)


def import_module(path: Path, root: Path) -> ModuleType:
    """The user's module under its own name, which its pickles may refer to.

    Its folder and ``root``, the top of the code, are on ``sys.path``, as they are in training.
    """
    sys.path[:0] = list(dict.fromkeys((str(path.parent), str(root))))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ContractError(f"{path} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


class UserModel:
    """A handler that runs the user's functions, one request at a time.

    Raises, when made, ``ContractError`` for a module that breaks the contract, and whatever the user's code raises.
    """

    inline = False

    def __init__(self, module: ModuleType, defaults: Defaults, env: Mapping[str, str]) -> None:
        functions = {
            name: getattr(module, name, None)
            for name in ("pre_model_fn", "model_fn", "model_warmup_fn", "transform_fn", *_STEPS)
        }
        if functions["transform_fn"] and any(functions[name] for name in _STEPS):
            raise ContractError(
                "Cannot use transform_fn implementation in conjunction with input_fn, predict_fn, and/or output_fn "
                "implementation"
            )
        if functions["model_fn"] is None:
            raise ContractError(f"Please provide a model_fn implementation: {module.__name__} has no model_fn.")
        self._model_dir = env.get("SM_MODEL_DIR", "/opt/ml/model")
        self._default_accept = env.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or codecs.JSON
        self._transform = functions["transform_fn"]
        self._input = functions["input_fn"] or defaults.input_fn
        self._predict = functions["predict_fn"] or defaults.predict_fn
        self._output = functions["output_fn"] or defaults.output_fn
        context = Context(self._model_dir)
        if functions["pre_model_fn"]:
            _call(functions["pre_model_fn"], context, self._model_dir)
        self._model = _call(functions["model_fn"], context, self._model_dir)
        if functions["model_warmup_fn"]:
            _call(functions["model_warmup_fn"], context, self._model_dir, self._model)

    def answer(self, requests: Sequence[Request]) -> Sequence[Answer]:
        """One answer for each request; an error of the user's code is an answer of status 500 with its traceback."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Answer:
        context = Context(self._model_dir, request.headers)
        try:
            return self._respond(request, context)
        except (Exception, SystemExit) as error:
            trace = traceback.format_exc()
            print(trace, file=sys.stderr, flush=True)
            return Answer(_status_of(error), f"{getattr(error, 'message', error)}\n{trace}".encode(errors="replace"))

    def _respond(self, request: Request, context: Context) -> Answer:
        content_type = request.content_type or codecs.JSON
        accept = request.accept
        if not accept or codecs.media_type(accept) == "*/*":
            accept = self._default_accept
        is_text = codecs.media_type(content_type) in codecs.UTF8_TYPES
        body = request.body.decode() if is_text else request.body
        if self._transform:
            result = _call(self._transform, context, self._model, body, content_type, accept)
        else:
            data = _call(self._input, context, body, content_type)
            prediction = _call(self._predict, context, data, self._model)
            result = _call(self._output, context, prediction, accept)
        answer_type = accept
        if hasattr(result, "get_data") and hasattr(result, "mimetype"):  # a response object, Flask's for one
            context.status = context.status or result.status_code
            result, answer_type = result.get_data(), result.mimetype
        elif isinstance(result, tuple) and len(result) == 2:
            result, answer_type = result
        parts = map(_body, result) if isinstance(result, Iterator) else None
        body = b"" if parts else _body(result)
        content_type = context.content_type or str(answer_type)
        return Answer(context.status or 200, body, content_type, context.response_headers, parts)


def _call(function: Function, context: Context, *arguments: Any) -> Any:
    """Call with ``arguments``, and with the context where the function has a place for one more."""
    count = _parameter_count(function)
    if count == len(arguments):
        return function(*arguments)
    if count == len(arguments) + 1:
        return function(*arguments, context)
    raise TypeError(f"{function.__name__} takes {count} arguments but {len(arguments)} were given.")


@functools.lru_cache(maxsize=64)
def _parameter_count(function: Function) -> int:
    return len(inspect.signature(function).parameters)


def _body(result: Any) -> bytes:
    """What ``output_fn`` gave, as bytes: text and bytes as they are, a response object's own data, else JSON."""
    if isinstance(result, str):
        return result.encode()
    if isinstance(result, (bytes, bytearray, memoryview)):
        return bytes(result)
    if result is None:
        return b""
    return str(codecs.encode(result, codecs.JSON)).encode()


def _status_of(error: BaseException) -> int:
    """The status an error of the inference toolkit's family asks for, else 500."""
    ours = isinstance(error, codecs.UnsupportedFormatError)
    if ours or any(base.__name__ == "BaseInferenceToolkitError" for base in type(error).__mro__):
        status = getattr(error, "status_code", 500)
        return status if isinstance(status, int) and 400 <= status <= 599 else 500
    return 500


def environment() -> dict[str, str]:
    """This process's environment with ``SM_MODEL_DIR`` set, which user code reads.

    ``SAGEMAKER_BASE_DIR`` names another place for ``/opt/ml``, where there is no sandbox.
    """
    os.environ.setdefault("SM_MODEL_DIR", str(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "model")))
    return dict(os.environ)

"""What stands behind the package names that public scripts import, see ``packages/README.md``."""

from __future__ import annotations

import os
from typing import Any

from sagewright_runtime.training.environment import Training, to_arguments


class TrainingEnvironment:
    """The facts of a training job as attributes, by the toolkit's names."""

    def __init__(self) -> None:
        self._training = Training(os.environ)
        self.__dict__.update(self._training.facts())

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def to_env_vars(self) -> dict[str, str]:
        """The ``SM_*`` variables."""
        return self._training.variables()

    def to_cmd_args(self) -> list[str]:
        """The hyperparameters as arguments."""
        return to_arguments(self._training.hyperparameters)


def read_hyperparameters() -> dict[str, Any]:
    """The job's hyperparameters, those of the platform too, each decoded from its JSON."""
    training = Training(os.environ)
    return {**training.hyperparameters, **training.framework, **training.own}


def read_input_data_config() -> dict[str, Any]:
    """The channels of the job."""
    return dict(Training(os.environ).channels)


def read_resource_config() -> dict[str, Any]:
    """The hosts of the job."""
    return dict(Training(os.environ).resources)


class Response:
    """What an ``output_fn`` returns: a body, its media type and a status."""

    def __init__(
        self,
        response: Any = b"",
        accept: str | None = None,
        status: int = 200,
        headers: Any = None,
        mimetype: str | None = None,
    ) -> None:
        self.response = response
        self.mimetype = mimetype or accept or "application/json"
        self.status_code = int(status)
        self.headers = dict(headers or {})

    def get_data(self) -> bytes:
        """The body."""
        body = self.response
        if isinstance(body, (list, tuple)):
            body = b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in body)
        return body.encode() if isinstance(body, str) else bytes(body or b"")


class BaseInferenceToolkitError(Exception):
    """An error with the status that the request is to be answered with."""

    def __init__(self, status_code: int, message: str, phrase: str) -> None:
        super().__init__(status_code, message, phrase)
        self.status_code = status_code
        self.message = message
        self.phrase = phrase


class UnsupportedFormatError(BaseInferenceToolkitError):
    """There is no decoder or encoder for a media type."""

    def __init__(self, content_type: str) -> None:
        message = f"Content type {content_type} is not supported by this framework."
        super().__init__(415, message, message)


class GenericInferenceToolkitError(BaseInferenceToolkitError):
    """Any other error of a module."""

    def __init__(self, status_code: int, message: str | None = None, phrase: str | None = None) -> None:
        message = message or "Invalid Request"
        super().__init__(status_code, message, phrase or message)


def parse_accept(accept: str | None) -> list[str]:
    """The media types of an Accept header, without their parameters."""
    return [each.partition(";")[0].strip() for each in (accept or "").split(",")]


class DefaultInferenceHandler:
    """The toolkit's defaults, for a handler to extend."""

    def default_model_fn(self, model_dir: str, context: Any = None) -> Any:
        """There is no default."""
        raise NotImplementedError("Please provide a model_fn implementation.")

    def default_input_fn(self, input_data: Any, content_type: str, context: Any = None) -> Any:  # noqa: ARG002
        """The body as an array."""
        from sagewright_runtime.serving import codecs  # noqa: PLC0415 (needs numpy)

        return codecs.decode(input_data, content_type)

    def default_predict_fn(self, data: Any, model: Any, context: Any = None) -> Any:
        """There is no default."""
        raise NotImplementedError("Please provide a predict_fn implementation.")

    def default_output_fn(  # the context is the caller's to use
        self,
        prediction: Any,
        accept: str,
        context: Any = None,  # noqa: ARG002
    ) -> tuple[str | bytes, str]:
        """The prediction in the first media type of ``accept`` that there is an encoder for, and that type."""
        from sagewright_runtime.serving import codecs  # noqa: PLC0415 (needs numpy)

        for media_type in parse_accept(accept):
            try:
                return codecs.encode(prediction, media_type), media_type
            except codecs.UnsupportedFormatError:
                continue
        raise UnsupportedFormatError(accept)

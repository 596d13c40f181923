"""``multipart/form-data`` as it arrives: the fields before the file, then the file itself as a body to read.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html (the file is the last field; what follows it
is ignored).
"""

from __future__ import annotations

from collections import deque

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from sagewright.core.errors import AwsError
from sagewright.wire.http import BodyReader, fill

MAX_FIELDS = 20 * 1024
"""Bytes that the fields before the file may have together."""
_READ = 1 << 18
_FILE = "file"


class Form:
    """A form being received. ``fields`` (names in lower case) are complete once it is made; it then reads as the file.

    Raises ``AwsError``, when made and when read: MalformedPOSTRequest, MaxPostPreDataLengthExceeded, InvalidArgument.
    """

    def __init__(self, source: BodyReader, content_type: str) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise _malformed()
        self.fields: dict[str, str] = {}
        self.filename = ""
        self._source = source
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._name: str | None = None
        self._value = bytearray()
        self._seen = 0
        self._pieces: deque[bytes] = deque()
        self._in_file = self._had_file = self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_begin": self._header_begin,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )
        received = 0
        while not self._had_file and (fed := self._feed()):
            received += fed
            if not self._had_file and received > MAX_FIELDS + _READ:
                raise _too_long()
        if not self._had_file:
            raise AwsError(
                "POST requires exactly one file upload per request.",
                code="InvalidArgument",
                ArgumentName="file",
                ArgumentValue=0,
            )

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes of the file, ``b""`` at its end, once the rest of the form has been read as well."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_READ), b""))
        while not self._pieces:
            if not self._feed():
                return b""
        piece = self._pieces.popleft()
        if len(piece) > size:
            self._pieces.appendleft(piece[size:])
        return piece[:size]

    def readinto(self, buffer: memoryview, /) -> int:
        """As ``BodyReader.readinto``."""
        return fill(self, buffer)

    def _feed(self) -> int:
        """Take more of the body in; gives its number of bytes, 0 at the end."""
        data = self._source.read(_READ)
        try:
            if data:
                self._parser.write(data)
        except MultipartParseError:
            raise _malformed() from None
        if not data and not self._ended:
            raise _malformed()
        return len(data)

    def _part_begin(self) -> None:
        self._name = None
        self._value.clear()

    def _header_begin(self) -> None:
        self._header = (bytearray(), bytearray())

    def _header_end(self) -> None:
        name, value = self._header
        self._count(len(name) + len(value))
        if name.lower() != b"content-disposition":
            return
        options = parse_options_header(bytes(value))[1]
        self._name = _text(options.get(b"name", b"")).lower()
        if self._name == _FILE and not self._had_file:
            self.filename = _text(options.get(b"filename", b""))

    def _headers_finished(self) -> None:
        if self._name is None:
            raise _malformed()
        self._in_file = self._name == _FILE and not self._had_file
        self._had_file = self._had_file or self._in_file

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])
        elif not self._had_file:
            self._count(end - start)
            self._value += data[start:end]

    def _part_end(self) -> None:
        if not self._had_file and self._name is not None:
            if self._name in self.fields:
                raise AwsError(
                    f"The form has the field {self._name} more than once.",
                    code="InvalidArgument",
                    ArgumentName=self._name,
                )
            self.fields[self._name] = _text(bytes(self._value))
        self._in_file = False

    def _end(self) -> None:
        self._ended = True

    def _count(self, size: int) -> None:
        if self._had_file:
            return
        self._seen += size
        if self._seen > MAX_FIELDS:
            raise _too_long()


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _malformed() from None


def _too_long() -> AwsError:
    return AwsError(
        "Your POST request fields preceding the upload file were too large.",
        code="MaxPostPreDataLengthExceeded",
        MaxPostPreDataLengthBytes=MAX_FIELDS,
    )


def _malformed() -> AwsError:
    return AwsError(
        "The body of your POST request is not well-formed multipart/form-data.", code="MalformedPOSTRequest"
    )

"""A server between a client and an S3 that counts what is asked, and can hold or cut an answer in its middle."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

PIECE = 1 << 16


class Relay:
    """Passes requests on to ``url``. ``asked`` are those that came, as "GET /bucket/key".

    While ``stop_after`` is set, answers stop after so many bytes: until ``go_on`` is set, or for good by ``cut``.
    """

    def __init__(self, url: str) -> None:
        self.asked: list[str] = []
        self.stop_after: int | None = None
        self.cut = False
        self.go_on = threading.Event()
        self._gone = False
        relay, upstream = self, urlsplit(url).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if relay._gone:
                    self.close_connection = True
                    return
                relay.asked.append(f"{self.command} {self.path.partition('?')[0]}")
                connection = http.client.HTTPConnection(upstream, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                connection.request(self.command, self.path, headers=headers)
                answer = connection.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("connection", "date", "server"):
                        self.send_header(name, value)
                self.end_headers()
                sent = 0
                while self.command == "GET" and (piece := answer.read(PIECE)):
                    if relay.stop_after is not None and sent >= relay.stop_after:
                        if relay.cut:
                            self.close_connection = True
                            return
                        relay.go_on.wait(60)
                    self.wfile.write(piece)
                    sent += len(piece)
                connection.close()

            do_HEAD = do_GET  # noqa: N815 - the library's name

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_away()

    def go_away(self) -> None:
        """Answer nobody any more, on connections that there are either."""
        self._gone = True
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

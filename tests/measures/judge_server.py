"""A chat completion server on localhost that answers, fails and dies as a test says."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


@dataclass
class Reply:
    """What the server sends back; `close` breaks the connection instead."""

    content: Any = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    close: bool = False


Script = Callable[[int, dict[str, Any]], Reply]
"""From the number of a request (from 0) and its JSON body to the reply."""


@dataclass
class Server:
    """Where the server listens, and what it was asked."""

    url: str
    requests: list[dict[str, Any]]
    headers: list[dict[str, str]]


@contextmanager
def serving(script: Script) -> Iterator[Server]:
    """Run a server while the block is open."""
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(server.requests)
                server.requests.append(body)
                server.headers.append({**self.headers, "path": self.path})
                reply = script(number, body)
            if reply.close:
                self.connection.close()
                return
            message = {"choices": [{"message": {"role": "assistant", "content": reply.content}}]}
            content = reply.body if reply.body is not None else json.dumps(message).encode()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a connection that a script broke

    with Quiet(("127.0.0.1", 0), Handler) as listening:
        server = Server(f"http://127.0.0.1:{listening.server_address[1]}/v1", [], [])
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()

"""Replies of a server that is broken or hostile, from the status line to the last byte."""

import json
import os
import random
import socket
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import patch

from mutators import VALUES, changed_bytes, changed_json, changed_text

from neuroswitch.answering import AnswerSettings, Client, Decoding, Endpoint, ServerEngine
from neuroswitch.prompts import Prompt

KEY = "the-key-of-the-user"
ENDLESS = b"\0" * 2**16
LIMIT = 32
CHAT = {
    "id": "1",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
MODELS = {"object": "list", "data": [{"id": "base", "object": "model"}]}


class Replies:
    """One server that sends the bytes of the case, and another one to which redirects lead."""

    name = "server replies"

    def __init__(self, workspace: Path) -> None:
        os.environ |= {"no_proxy": "*", "FUZZ_KEY": KEY}
        # reading the certificates of the system takes most of the time of a case
        self.context = ssl.create_default_context()
        self.reply, self.endless, self.elsewhere = b"", False, 0
        self.port, self.other = self._serve(self._answer), self._serve(self._count)

    def intact(self, rng: random.Random, folder: Path) -> None:
        content = json.dumps(CHAT | MODELS).encode()
        self.reply, self.endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content, False

    def damage(self, rng: random.Random, folder: Path) -> str:
        good = json.dumps(rng.choice([CHAT, CHAT, CHAT, MODELS])).encode()
        how = rng.choice(
            ["value", "value", "value", "json", "json", "text", "bytes", "http", "status", "endless"]
        )
        content, status, headers = good, "200 OK", {"Content-Type": "application/json"}
        if how == "value":
            content = self._known_place(rng)
        elif how in ("json", "text", "bytes"):
            change = {"json": changed_json, "text": changed_text, "bytes": changed_bytes}[how]
            content = change(rng, good)
        elif how == "status":
            status = rng.choice(
                ["301 Moved", "302 Found", "307 X", "308 X", "204 No", "400 X", "500 X", "999 X"]
            )
            other = f"http://127.0.0.1:{self.other}/v1"
            headers["Location"] = rng.choice([other, other, "http://[", "//x", "", "\x1b"])
            headers["Retry-After"] = rng.choice(["0", "-1", "\u00b2", "9" * 50, "soon"])
        elif how == "http":
            headers |= rng.choice(
                [
                    {"Content-Length": "-1"},
                    {"Content-Length": str(10**12)},
                    {"Content-Length": "3"},
                    {"Transfer-Encoding": "chunked"},
                    {"Content-Encoding": "gzip"},
                    {"Content-Type": "text/html; charset=hex"},
                    {"X": "x" * 10**6},
                    {"Set-Cookie": "a=b; domain=.x"},
                ]
            )
        self.endless = how == "endless"
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        reply = f"HTTP/1.1 {status}\r\n{head}Connection: close\r\n\r\n".encode("latin-1", "replace") + content
        self.reply = changed_bytes(rng, reply) if rng.random() < 0.1 else reply
        return how

    def readers(self, folder: Path) -> dict[str, Callable[[], Any]]:
        endpoint = Endpoint(
            url=f"http://127.0.0.1:{self.port}/v1",
            model="base",
            timeout=2,
            attempts=1,
            key_variable="FUZZ_KEY",
        )
        how = AnswerSettings(decoding=Decoding(max_new_tokens=LIMIT))

        def asked(call: Callable[[Client], Any]) -> Any:
            with Client(endpoint) as client:
                return call(client)

        readers = {
            "answer": lambda: ServerEngine(endpoint, {}).answer([Prompt.of("hello")], how=how)[0],
            "chat": lambda: asked(lambda client: client.chat([{"role": "user", "content": "hello"}])),
            "models": lambda: asked(Client.models),
            "health": lambda: asked(Client.is_healthy),
        }
        chosen = {"chat": readers["chat"]} if self.endless else readers
        return {name: partial(self._without_certificates, call) for name, call in chosen.items()}

    def check(self, reader: str, folder: Path, result: Any) -> None:
        assert self.elsewhere == 0, "the server to which a redirect leads was asked"
        body = self.reply.partition(b"\r\n\r\n")[2]
        if reader == "health":
            return
        said = json.loads(body)
        if reader == "models":
            assert result == [one["id"] for one in said["data"]]
            return
        (choice,) = said["choices"]
        text = choice["message"]["content"] if choice.get("message") is not None else choice["text"]
        assert (result if reader == "chat" else result.text) == text and isinstance(text, str)
        if reader == "answer":
            assert choice["finish_reason"] == result.finish
            assert 0 <= result.tokens <= LIMIT and result.tokens == said["usage"]["completion_tokens"]

    def _without_certificates(self, call: Callable[[], Any]) -> Any:
        with patch("ssl.create_default_context", lambda *_, **__: self.context):
            return call()

    def _known_place(self, rng: random.Random) -> bytes:
        """Put another value at a place that is read."""
        said = json.loads(json.dumps(CHAT))
        choice, value = said["choices"][0], rng.choice(VALUES)
        place = rng.choice(
            ["content", "role", "message", "finish_reason", "completion_tokens", "usage", "choices"]
        )
        if place in ("content", "role"):
            choice["message"][place] = value
        elif place in ("message", "finish_reason"):
            choice[place] = value
        elif place == "completion_tokens":
            said["usage"][place] = value
        else:
            said[place] = rng.choice([value, said["choices"] * 2]) if place == "choices" else value
        return json.dumps(said).encode()

    def _serve(self, handle: Callable[[socket.socket], None]) -> int:
        listening = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                connection, _ = listening.accept()
                with connection:
                    try:
                        connection.settimeout(3)
                        asked = connection.recv(65536)
                        head, _, body = asked.partition(b"\r\n\r\n")
                        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                        while len(body) < length:
                            body += connection.recv(65536)
                        handle(connection)
                    except OSError:
                        continue

        Thread(target=serve, daemon=True).start()
        return int(listening.getsockname()[1])

    def _answer(self, connection: socket.socket) -> None:
        connection.sendall(self.reply)
        while self.endless:
            connection.sendall(ENDLESS)

    def _count(self, connection: socket.socket) -> None:
        self.elsewhere += 1

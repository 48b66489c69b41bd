"""The HTTP client against a real server on localhost that is busy, slow, rejects requests or breaks down."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle
from threading import Thread
from typing import Any

import pytest
from judge_server import Reply, serving

from neuroswitch.answering import endpoint as endpoint_module
from neuroswitch.answering.endpoint import Client, Endpoint
from neuroswitch.answering.engines import _parsed
from neuroswitch.errors import BadOption, Prerequisite


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def endpoint(url: str, **changes: Any) -> Endpoint:
    return Endpoint(**{"url": url, "model": "m", "pause": 0.01, "attempts": 3, "timeout": 5.0, **changes})


def reply_of(endpoint: Endpoint) -> str:
    with Client(endpoint) as client:
        return client.chat([])


def test_the_server_says_how_long_to_wait() -> None:
    def soon(number: int, body: dict[str, Any]) -> Reply:
        return Reply("yes") if number else Reply(status=429, headers={"Retry-After": "0"})

    started = time.monotonic()
    with serving(soon) as server:
        assert reply_of(endpoint(server.url, pause=30.0)) == "yes"
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("broken", [Reply(close=True), Reply(body=b"<html>"), Reply(body=b'{"choices": []}')])
def test_broken_replies_are_asked_again_and_at_last_reported(broken: Reply) -> None:
    with serving(lambda number, body: broken if number == 0 else Reply("yes")) as server:
        assert reply_of(endpoint(server.url)) == "yes"
    with serving(lambda number, body: broken) as server:
        with pytest.raises(Prerequisite, match="3 times in a row"):
            reply_of(endpoint(server.url))
        assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_rejected_request_is_not_repeated(status: int) -> None:
    with serving(lambda number, body: Reply(status=status, body=b"unknown model m")) as server:
        with pytest.raises(Prerequisite, match="unknown model m"):
            reply_of(endpoint(server.url))
        assert len(server.requests) == 1


def test_a_slow_server_times_out() -> None:
    def slow(number: int, body: dict[str, Any]) -> Reply:
        time.sleep(0.5)
        return Reply("yes")

    with serving(slow) as server, pytest.raises(Prerequisite, match="(?i)time"):
        reply_of(endpoint(server.url, timeout=0.05, attempts=2))


def test_the_key_comes_from_the_environment_and_stays_out_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "abc")
    with serving(lambda number, body: Reply("yes")) as server:
        asked = endpoint(server.url, key_variable="JUDGE_KEY")
        reply_of(asked)
        reply_of(endpoint(server.url))
    assert [headers.get("Authorization") for headers in server.headers] == ["Bearer abc", None]
    assert "abc" not in repr(asked)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "localhost:8000/v1", "http://localhost:80x/v1"])
def test_only_web_addresses_are_asked(url: str) -> None:
    with pytest.raises(BadOption, match="http"):
        endpoint(url)


def test_pauses_double_unless_the_server_says_how_long_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    recorded = partial(endpoint_module.Retrying, sleep=pauses.append)
    monkeypatch.setattr(endpoint_module, "Retrying", recorded)
    waits = {2: {"Retry-After": "7"}, 3: {"Retry-After": "3600"}, 4: {"Retry-After": "Wed, 21 Oct 2026"}}

    def busy(number: int, body: dict[str, Any]) -> Reply:
        return Reply(status=503, headers=waits.get(number, {})) if number < 5 else Reply("yes")

    with serving(busy) as server:
        assert reply_of(endpoint(server.url, pause=1.0, attempts=6)) == "yes"
    assert pauses == [1, 2, 7, 60, 16]


def whole(**changes: Any) -> bytes:
    choice = {"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
    reply = {"choices": [{**choice, **changes.pop("choice", {})}], "usage": {"completion_tokens": 1}}
    return json.dumps({**reply, **changes}).encode()


@pytest.mark.parametrize(
    "content",
    [
        whole(usage={"completion_tokens": -1}),
        whole(usage={"completion_tokens": "3"}),
        whole(usage={"completion_tokens": True}),
        whole(usage={"completion_tokens": 1.5}),
        whole(usage={"completion_tokens": 10**30}),
        whole(usage={"completion_tokens": 99}),  # more than were asked for
        whole(usage=None),
        whole(choice={"finish_reason": "error"}),
        whole(choice={"finish_reason": "content_filter"}),
        whole(choice={"finish_reason": None}),
        whole(choice={"message": {"role": "assistant", "content": None}}),
        whole(choice={"message": {"role": "assistant", "content": ["yes"]}}),
        whole(choice={"message": {"role": "user", "content": "yes"}}),
        whole(choice={"message": None}),
        whole(choice={"text": "yes"}),  # two texts
        whole(choices=[]),
        whole(choices=[json.loads(whole())["choices"][0]] * 2),
        whole(choices=None),
        whole().replace(b'"usage"', b'"choices": [], "usage"'),
        whole().replace(b"yes", b"\\ud800"),
        whole().decode().encode("utf-16"),
        b'{"choices":' + b"[" * 100_000,
        b'{"error": "no"}',
        b"null",
        b"",
    ],
)
def test_a_reply_that_is_no_answer_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        _parsed(content, limit=8)


def test_a_reply_that_is_an_answer_is_read() -> None:
    assert _parsed(whole(), limit=8) == ("yes", 1, "stop")
    plain = whole(choices=[{"text": "", "finish_reason": "length"}], usage={"completion_tokens": 0, "x": 1})
    assert _parsed(plain, limit=8) == ("", 0, "length")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_goes_to_no_other_address_on_a_redirect(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with serving(lambda number, body: Reply("yes")) as other:
        away = Reply(status=status, headers={"Location": other.url + "/chat/completions"})
        with serving(lambda number, body: away) as server, pytest.raises(Prerequisite) as caught:
            reply_of(endpoint(server.url))
        assert other.requests == []
    assert "a redirect to" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["abc\n", "ab c", "ключ", "a\x1bb"])
def test_a_key_that_cannot_be_sent_is_an_error_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(Prerequisite, match="OPENAI_API_KEY cannot be sent") as caught:
        reply_of(endpoint("http://127.0.0.1:9/v1"))
    assert key.strip() not in str(caught.value)


@contextmanager
def streaming(head: bytes, parts: Iterator[bytes]) -> Iterator[str]:
    """Run a server that accepts connections and sends what it is told, piece by piece."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        connection.sendall(head)
                        for part in parts:
                            connection.sendall(part)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def drops(letter: bytes) -> Iterator[bytes]:
    while True:
        time.sleep(0.02)
        yield letter


OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", OK + b"\r\n"])
def test_a_reply_that_comes_drop_by_drop_ends_at_the_deadline(head: bytes) -> None:
    began = time.monotonic()
    with streaming(head, drops(b"x")) as url, pytest.raises(Prerequisite, match="(?i)time|Protocol"):
        reply_of(endpoint(url, timeout=0.3, attempts=1))
    assert time.monotonic() - began < 2


def test_a_reply_that_never_ends_is_not_read_into_memory() -> None:
    with streaming(OK + b"\r\n", cycle([b" " * 2**20])) as url:
        with pytest.raises(Prerequisite, match="more than 16777216 bytes"):
            reply_of(endpoint(url, attempts=1))


def test_a_compressed_reply_is_refused() -> None:
    bomb = Reply(body=gzip.compress(b" " * 10**6), headers={"Content-Encoding": "gzip"})
    with serving(lambda number, body: bomb) as server:
        with pytest.raises(Prerequisite, match="compressed"):
            reply_of(endpoint(server.url, attempts=1))


def test_a_pause_that_is_no_number_is_not_taken() -> None:
    def busy(number: int, body: dict[str, Any]) -> Reply:
        return Reply("yes") if number else Reply(status=429, headers={"Retry-After": "\u00b2"})

    with serving(busy) as server:
        assert reply_of(endpoint(server.url)) == "yes"


def test_what_a_server_says_is_shown_without_control_characters() -> None:
    with serving(lambda number, body: Reply(status=400, body=b"\x1b[2Jno")) as server:
        with pytest.raises(Prerequisite, match="no") as caught:
            reply_of(endpoint(server.url))
    assert "\x1b" not in str(caught.value)

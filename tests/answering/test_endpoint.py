"""The HTTP client against a real server on localhost that is busy, slow, rejects requests or breaks down."""

import time
from functools import partial
from typing import Any

import pytest
from judge_server import Reply, serving

from neuroswitch.answering import endpoint as endpoint_module
from neuroswitch.answering.endpoint import Client, Endpoint
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

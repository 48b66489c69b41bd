"""Ask a model behind any OpenAI-compatible endpoint, and try again while it is busy.

Knows the protocol and which failures pass. Does not know what is asked. The key is read from the
environment when it is needed, so that no value, log or file ever holds it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from neuroswitch.errors import BadOption, Prerequisite

BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""HTTP statuses after which the same request may succeed later."""

LONGEST_PAUSE = 60.0

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a model is asked, and how patiently.

    Attributes:
        url: Base address, such as `https://api.openai.com/v1` or `http://localhost:8000/v1`.
        model: Name of the model there.
        key_variable: Environment variable that holds the key; none is sent if it is not set.
        timeout: Seconds to wait for one reply.
        attempts: How often a request is sent before it counts as failed.
        pause: Seconds before the second attempt; doubled for each further one, unless the server
            says how long to wait.
        concurrency: Requests under way at the same time.
    """

    url: str
    model: str
    key_variable: str = "OPENAI_API_KEY"
    timeout: float = 60.0
    attempts: int = 6
    pause: float = 1.0
    concurrency: int = 8


class _Busy(Exception):
    """A failure that may pass; `wait` is how many seconds the server asks for, if it does."""

    def __init__(self, found: str, wait: float | None = None) -> None:
        super().__init__(found)
        self.wait = wait


def ask(endpoint: Endpoint, messages: Sequence[Mapping[str, str]]) -> str:
    """Return the reply of a chat model at temperature 0; empty if it has no text.

    Args:
        endpoint: Whom to ask.
        messages: Chat messages with `role` and `content`.

    Raises:
        Prerequisite: The endpoint rejects the request, or fails at every attempt.
    """
    body = {"model": endpoint.model, "messages": list(messages), "temperature": 0}
    return post(endpoint, "/chat/completions", body, _text_of)


def post(endpoint: Endpoint, path: str, body: Mapping[str, object], parse: Callable[[Any], Parsed]) -> Parsed:
    """Post a request, again and again while the server is busy, and return what `parse` reads in the reply.

    Args:
        endpoint: Whom to ask.
        path: What follows the base address.
        body: Sent as JSON.
        parse: From the JSON of the reply; a ValueError, LookupError or TypeError of it is a failed attempt.

    Raises:
        Prerequisite: The endpoint rejects the request, or fails at every attempt.
    """
    return _patiently(endpoint, lambda: _send(endpoint, "POST", path, body, parse))


def get(endpoint: Endpoint, path: str, parse: Callable[[Any], Parsed]) -> Parsed:
    """Get something, as patiently as `post`."""
    return _patiently(endpoint, lambda: _send(endpoint, "GET", path, None, parse))


def _patiently(endpoint: Endpoint, send: Callable[[], Parsed]) -> Parsed:
    if not endpoint.url.startswith(("http://", "https://")):
        raise BadOption(
            "not the address of an endpoint", found=endpoint.url, expected="http://... or https://..."
        )

    def pause(state: RetryCallState) -> float:
        busy = state.outcome.exception() if state.outcome else None
        asked = busy.wait if isinstance(busy, _Busy) else None
        doubled: float = endpoint.pause * 2 ** (state.attempt_number - 1)
        return min(doubled if asked is None else asked, LONGEST_PAUSE)

    retrying = Retrying(
        stop=stop_after_attempt(endpoint.attempts),
        wait=pause,
        retry=retry_if_exception_type(_Busy),
        reraise=True,
    )
    try:
        return retrying(send)
    except _Busy as busy:
        raise Prerequisite(
            f"the endpoint at {endpoint.url} failed {endpoint.attempts} times in a row",
            found=str(busy),
            do="check that the server runs, then run the same command again: replies so far are kept",
        ) from busy


def _send(
    endpoint: Endpoint,
    method: str,
    path: str,
    body: Mapping[str, object] | None,
    parse: Callable[[Any], Parsed],
) -> Parsed:
    key = os.environ.get(endpoint.key_variable)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address = endpoint.url.rstrip("/") + path
    try:
        reply = httpx.request(method, address, json=body, headers=headers, timeout=endpoint.timeout)
    except httpx.HTTPError as error:
        raise _Busy(f"{type(error).__name__}: {error}") from error
    if reply.is_success:
        try:
            return parse(reply.json())
        except (ValueError, LookupError, TypeError) as error:
            raise _Busy(f"not the expected reply: {reply.content[:80]!r}") from error
    detail = f"HTTP {reply.status_code}: {reply.text[:300]}"
    if reply.status_code in BUSY:
        wait = reply.headers.get("Retry-After", "").strip()
        raise _Busy(detail, float(wait) if wait.isdigit() else None)
    raise Prerequisite(
        f"the endpoint at {endpoint.url} rejects the request",
        found=detail,
        do=f"check the address, the model's name and the key in {endpoint.key_variable}",
    )


def _text_of(reply: Any) -> str:
    content = reply["choices"][0]["message"]["content"]
    return content if isinstance(content, str) else ""

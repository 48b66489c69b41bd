"""Ask a chat model behind any OpenAI-compatible endpoint, and try again while it is busy.

Knows the protocol and which failures pass. Does not know what is asked. The key is read from the
environment when it is needed, so that no value, log or file ever holds it.
"""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from neuroswitch.errors import Prerequisite

BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""HTTP statuses after which the same request may succeed later."""

LONGEST_PAUSE = 60.0

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a chat model is asked, and how patiently.

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
    """Return the reply of the model at temperature 0; empty if it has no text.

    Args:
        endpoint: Whom to ask.
        messages: Chat messages with `role` and `content`.

    Raises:
        Prerequisite: The endpoint rejects the request, or fails at every attempt.
    """
    body = {"model": endpoint.model, "messages": list(messages), "temperature": 0}
    return post(endpoint, "/chat/completions", body, _text_of)


def post(endpoint: Endpoint, path: str, body: Mapping[str, Any], parse: Callable[[Any], Answer]) -> Answer:
    """Post a request, again and again while the server is busy, and return what `parse` reads in the reply.

    Args:
        endpoint: Whom to ask.
        path: What follows the base address.
        body: Sent as JSON.
        parse: From the JSON of the reply; a ValueError, LookupError or TypeError of it is a failed attempt.

    Raises:
        Prerequisite: The endpoint rejects the request, or fails at every attempt.
    """
    return _send(endpoint, path, json.dumps(body).encode(), parse)


def get(endpoint: Endpoint, path: str, parse: Callable[[Any], Answer]) -> Answer:
    """Get something, as patiently as `post`."""
    return _send(endpoint, path, None, parse)


def _send(endpoint: Endpoint, path: str, body: bytes | None, parse: Callable[[Any], Answer]) -> Answer:
    if not endpoint.url.startswith(("http://", "https://")):
        raise Prerequisite(
            "not the address of an endpoint", found=endpoint.url, expected="http://... or https://..."
        )
    pause, found = endpoint.pause, ""
    for attempt in range(endpoint.attempts):
        try:
            return _send_once(endpoint, path, body, parse)
        except _Busy as busy:
            found = str(busy)
            if attempt + 1 < endpoint.attempts:
                time.sleep(min(busy.wait if busy.wait is not None else pause, LONGEST_PAUSE))
                pause *= 2
    raise Prerequisite(
        f"the endpoint at {endpoint.url} failed {endpoint.attempts} times in a row",
        found=found,
        do="check that the server runs, then run the same command again: replies so far are kept",
    )


def _send_once(endpoint: Endpoint, path: str, body: bytes | None, parse: Callable[[Any], Answer]) -> Answer:
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(endpoint.key_variable):
        headers["Authorization"] = f"Bearer {key}"
    address = endpoint.url.rstrip("/") + path
    request = urllib.request.Request(address, body, headers)  # noqa: S310  checked above
    try:
        with urllib.request.urlopen(request, timeout=endpoint.timeout) as response:  # noqa: S310
            return _parsed(response.read(), parse)
    except urllib.error.HTTPError as error:
        with error:
            detail = f"HTTP {error.code}: {error.read(300).decode(errors='replace')}"
        if error.code in BUSY:
            raise _Busy(detail, _seconds(error.headers.get("Retry-After"))) from error
        raise Prerequisite(
            f"the endpoint at {endpoint.url} rejects the request",
            found=detail,
            do=f"check the address, the model's name and the key in {endpoint.key_variable}",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Busy(f"{type(error).__name__}: {error}") from error


def _parsed(body: bytes, parse: Callable[[Any], Answer]) -> Answer:
    try:
        return parse(json.loads(body))
    except (ValueError, LookupError, TypeError) as error:
        raise _Busy(f"not the expected reply: {body[:80]!r}") from error


def _text_of(reply: Any) -> str:
    content = reply["choices"][0]["message"]["content"]
    return content if isinstance(content, str) else ""


def _seconds(header: str | None) -> float | None:
    """Read a Retry-After header; None for the form that names a date."""
    return float(header) if header and header.strip().isdigit() else None

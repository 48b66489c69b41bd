"""Requests to a model behind an OpenAI-compatible endpoint, sent again while the server is busy.

Knows the protocol, and after which failures a request may succeed later. The key is read from the
environment for each request, so that no value, log or file holds it. It is sent to the address that the user
named and nowhere else: no redirect is followed. A request ends at its deadline, whatever the server does, and
a reply larger than `LARGEST_REPLY` is not read.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple, TypeVar

import anyio
import httpx
from anyio.from_thread import start_blocking_portal
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from neuroswitch.answering.replies import answer_of, names_of
from neuroswitch.errors import BadOption, Prerequisite

BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""HTTP statuses after which the same request may succeed later."""

LONGEST_PAUSE = 60.0

LARGEST_REPLY = 16 * 1024**2
"""Bytes; an answer of 100,000 tokens takes some 500,000."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The address of a model, and how often and how long it is asked.

    Attributes:
        url: Base address, such as `https://api.openai.com/v1` or `http://localhost:8000/v1`.
        model: Name of the model there.
        key_variable: Environment variable that holds the key; no key is sent if it is not set.
        timeout: Seconds for one request, until the last byte of its reply.
        attempts: How often a request is sent before it counts as failed.
        pause: Seconds before the second attempt; doubled for each further one, unless the server
            says how long to wait.
        concurrency: How many requests are sent at the same time.

    Raises:
        BadOption: The address is not one of the web.
    """

    url: str
    model: str
    key_variable: str = "OPENAI_API_KEY"
    timeout: float = 60.0
    attempts: int = 6
    pause: float = 1.0
    concurrency: int = 8

    def __post_init__(self) -> None:
        try:
            valid = httpx.URL(self.url).scheme in ("http", "https")
        except httpx.InvalidURL:
            valid = False
        if not valid:
            raise BadOption(
                "not the address of an endpoint", found=self.url, expected="http://... or https://..."
            )


class _Reply(NamedTuple):
    """Status, headers and content of a reply, whole."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def beginning(self) -> str:
        """The first 300 characters of the content, control characters escaped."""
        return repr(self.content[:300].decode(errors="replace"))[1:-1]


class _Busy(Exception):
    """A failed attempt after which another one may succeed; `wait` is the server's Retry-After in seconds."""

    def __init__(self, found: str, wait: float | None = None) -> None:
        super().__init__(found)
        self.wait = wait


class Client:
    """Open connections to an endpoint, for a `with` block; may be used by several threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._http = httpx.AsyncClient(
            base_url=endpoint.url, timeout=endpoint.timeout, follow_redirects=False
        )
        self._open = ExitStack()

    def __enter__(self) -> "Client":
        # requests run in one thread of their own, because only there they can be stopped at any point
        self._portal = self._open.enter_context(start_blocking_portal())
        self._open.callback(self._portal.call, self._http.aclose)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the model's reply to messages with `role` and `content`, at temperature 0; may be empty."""
        body = {"model": self.endpoint.model, "messages": list(messages), "temperature": 0}
        return self.request("POST", "/chat/completions", answer_of, body).text

    def models(self) -> list[str]:
        """Return the names of the models that the endpoint has."""
        return self.request("GET", "/models", names_of)

    def is_healthy(self) -> bool:
        """Ask `/health` once, and say whether the server answers."""
        try:
            return self._send("GET", "/health", None, {}).status == 200
        except _Busy:
            return False

    def request(
        self,
        method: str,
        path: str,
        parse: Callable[[bytes], Result],
        body: Mapping[str, object] | None = None,
    ) -> Result:
        """Send a request until it succeeds, and return what `parse` makes of the reply.

        Args:
            method: GET or POST.
            path: Follows the base address.
            parse: From the content of the reply; if it raises a ValueError, the attempt has failed.
            body: Sent as JSON.

        Raises:
            Prerequisite: The endpoint rejects the request, or fails at every attempt.
        """
        attempts = Retrying(
            stop=stop_after_attempt(self.endpoint.attempts),
            wait=self._pause,
            retry=retry_if_exception_type(_Busy),
            reraise=True,
        )
        try:
            return attempts(self._request_once, method, path, parse, body)
        except _Busy as busy:
            raise Prerequisite(
                f"the endpoint at {self.endpoint.url} failed {self.endpoint.attempts} times in a row",
                found=str(busy),
                do="check that the server runs, then run the same command again: replies so far are kept",
            ) from busy

    def _request_once(
        self, method: str, path: str, parse: Callable[[bytes], Result], body: Mapping[str, object] | None
    ) -> Result:
        reply = self._send(method, path, body, self._headers())
        if not 200 <= reply.status < 300:
            found = f"HTTP {reply.status}: {reply.beginning}"
            if reply.status in BUSY:
                after = reply.headers.get("Retry-After", "").strip()  # seconds, or a date
                raise _Busy(found, float(after[:9]) if after.isascii() and after.isdigit() else None)
            if 300 <= reply.status < 400:
                found = f"HTTP {reply.status}, a redirect to {reply.headers.get('Location', '')[:300]!r}"
            raise Prerequisite(
                f"the endpoint at {self.endpoint.url} rejects the request",
                found=found,
                do=f"check the address, the model's name and the key in {self.endpoint.key_variable}; "
                "redirects are not followed",
            )
        try:
            return parse(reply.content)
        except ValueError as error:
            raise _Busy(f"not the expected reply: {error}, in {reply.beginning}") from error

    def _headers(self) -> dict[str, str]:
        """Return the headers of a request; the key is shown in no error."""
        key = os.environ.get(self.endpoint.key_variable)
        if not key:
            return {}
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise Prerequisite(
                f"the key in {self.endpoint.key_variable} cannot be sent",
                found="a space, a line break or a letter that is not ASCII",
                do=f"set {self.endpoint.key_variable} to the key and nothing else",
            )
        return {"Authorization": f"Bearer {key}"}

    def _send(
        self, method: str, path: str, body: Mapping[str, object] | None, headers: Mapping[str, str]
    ) -> _Reply:
        """Send one request, and return its reply whole.

        Raises:
            _Busy: There is no reply in time, or it is too large.
        """

        async def send() -> _Reply:
            with anyio.fail_after(self.endpoint.timeout):
                # compressed replies could grow without bound
                asked = {**headers, "Accept-Encoding": "identity"}
                async with self._http.stream(method, path, json=body, headers=asked) as response:
                    if response.headers.get("Content-Encoding", "identity") != "identity":
                        raise _Busy("a compressed reply, though none was asked for")
                    content = bytearray()
                    async for part in response.aiter_raw():
                        content += part
                        if len(content) > LARGEST_REPLY:
                            raise _Busy(f"a reply of more than {LARGEST_REPLY} bytes")
                    return _Reply(response.status_code, response.headers, bytes(content))

        try:
            return self._portal.call(send)
        except httpx.HTTPError as error:
            raise _Busy(f"{type(error).__name__}: {error}") from error
        except TimeoutError as error:
            raise _Busy(f"timeout: no whole reply within {self.endpoint.timeout:g} seconds") from error

    def _pause(self, state: RetryCallState) -> float:
        """Return the seconds before the next attempt."""
        busy = state.outcome.exception() if state.outcome else None
        if isinstance(busy, _Busy) and busy.wait is not None:
            return min(busy.wait, LONGEST_PAUSE)
        return wait_exponential(multiplier=self.endpoint.pause, max=LONGEST_PAUSE)(state)


def ask_all(
    items: Sequence[Item],
    ask: Callable[[Item], Result],
    keep: Callable[[Item, Result], None],
    *,
    concurrency: int,
    progress: Callable[[int], None],
) -> None:
    """Ask for every item, several at the same time, and keep each result as soon as it is there.

    If `ask` raises, no further item is begun, the results of those that were begun are kept, and what it
    raised is raised here.

    Args:
        items: What to ask for.
        ask: Called in several threads.
        keep: Called with an item and its result, by one thread at a time.
        concurrency: How many calls of `ask` run at the same time.
        progress: Called with the number of results so far.
    """
    lock = Lock()

    def ask_and_keep(item: Item) -> None:
        result = ask(item)
        with lock:
            keep(item, result)

    with ThreadPoolExecutor(concurrency) as pool:
        futures = [pool.submit(ask_and_keep, item) for item in items]
        try:
            for count, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(count)
        finally:
            pool.shutdown(cancel_futures=True)

"""Requests to a model behind an OpenAI-compatible endpoint, sent again while the server is busy.

Knows the protocol, and after which failures a request may succeed later. The key is read from the
environment for each request, so that no value, log or file holds it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import httpx
from pydantic import BaseModel, Field
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from neuroswitch.errors import BadOption, Prerequisite

BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""HTTP statuses after which the same request may succeed later."""

LONGEST_PAUSE = 60.0

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The address of a model, and how often and how long it is asked.

    Attributes:
        url: Base address, such as `https://api.openai.com/v1` or `http://localhost:8000/v1`.
        model: Name of the model there.
        key_variable: Environment variable that holds the key; no key is sent if it is not set.
        timeout: Seconds to wait for a reply.
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


class Said(BaseModel):
    """A message in a reply; `content` is not always a text."""

    content: object = None


class Choice(BaseModel):
    """One answer in a reply: a message, or the text that continues a prompt."""

    message: Said | None = None
    text: str | None = None
    finish_reason: str | None = None

    @property
    def answer(self) -> str:
        """The text of the answer; empty where there is none."""
        said = self.text if self.message is None else self.message.content
        return said if isinstance(said, str) else ""


class Usage(BaseModel):
    """How many tokens an answer has."""

    completion_tokens: int


class ModelReply(BaseModel):
    """The reply of an OpenAI-compatible endpoint to a request for an answer, as far as it is read here."""

    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


class _Busy(Exception):
    """A failed attempt after which another one may succeed; `wait` is the server's Retry-After in seconds."""

    def __init__(self, found: str, wait: float | None = None) -> None:
        super().__init__(found)
        self.wait = wait


class Client:
    """Open connections to an endpoint, for a `with` block; may be used by several threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._http = httpx.Client(base_url=endpoint.url, timeout=endpoint.timeout)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the model's reply to messages with `role` and `content`, at temperature 0; may be empty."""
        body = {"model": self.endpoint.model, "messages": list(messages), "temperature": 0}
        return (
            self.request("POST", "/chat/completions", ModelReply.model_validate_json, body).choices[0].answer
        )

    def models(self) -> list[str]:
        """Return the names of the models that the endpoint has."""
        return [one.id for one in self.request("GET", "/models", _Models.model_validate_json).data]

    def is_healthy(self) -> bool:
        """Ask `/health` once, and say whether the server answers."""
        try:
            return self._http.get("/health").is_success
        except httpx.HTTPError:
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
        key = os.environ.get(self.endpoint.key_variable)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            response = self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise _Busy(f"{type(error).__name__}: {error}") from error
        if not response.is_success:
            found = f"HTTP {response.status_code}: {response.text[:300]}"
            if response.status_code in BUSY:
                after = response.headers.get("Retry-After", "").strip()  # seconds, or a date
                raise _Busy(found, float(after) if after.isdigit() else None)
            raise Prerequisite(
                f"the endpoint at {self.endpoint.url} rejects the request",
                found=found,
                do=f"check the address, the model's name and the key in {self.endpoint.key_variable}",
            )
        try:
            return parse(response.content)
        except ValueError as error:
            raise _Busy(f"not the expected reply: {response.content[:80]!r}") from error

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

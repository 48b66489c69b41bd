"""An OpenAI-compatible server on localhost that a tiny model answers, steered by the name of the model asked for.

It can break down: after so many answers it closes every connection without a reply.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from neuroswitch.activations import Intervention
from neuroswitch.answering.generation import Decoding, generate
from neuroswitch.chat import ChatFormat
from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import Prompt


@dataclass
class Served:
    """Where the server listens, what it answered, and after how many answers it breaks down."""

    url: str = ""
    answered: list[tuple[str, str]] = field(default_factory=list)
    dies_after: int | None = None


@contextmanager
def serving_tiny(
    model: LanguageModel, scalings: Mapping[str, Intervention], *, dies_after: int | None = None
) -> Iterator[Served]:
    """Run a server while the block is open: `base`, and each scaling under its name."""
    served, lock = Served(dies_after=dies_after), Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send({"data": [{"id": name} for name in ("base", *scalings)]})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                if served.dies_after is not None and len(served.answered) >= served.dies_after:
                    self.connection.close()
                    return
                reply = answer(model, scalings, asked)
                served.answered.append((asked["model"], reply["prompt"]))
            self._send(reply)

        def _send(self, reply: dict[str, Any]) -> None:
            content = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a connection that was broken on purpose

    with Quiet(("127.0.0.1", 0), Handler) as listening:
        served.url = f"http://127.0.0.1:{listening.server_address[1]}/v1"
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield served
        finally:
            listening.shutdown()
            thread.join()


def answer(
    model: LanguageModel, scalings: Mapping[str, Intervention], asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Answer one request, chat or plain, as such servers do."""
    chat = "messages" in asked
    prompt = Prompt.of(asked["messages"] if chat else asked["prompt"])
    switches = asked.get("chat_template_kwargs", {})
    format = ChatFormat(thinking=switches.get("enable_thinking"))
    decoding = Decoding(max_new_tokens=asked["max_tokens"])
    assert asked["temperature"] == 0
    steering = nullcontext() if asked["model"] == "base" else scalings[asked["model"]].applied(model)
    with steering:
        (found,) = generate(model, [prompt], decoding=decoding, chat=format)
    said = {"message": {"role": "assistant", "content": found.text}} if chat else {"text": found.text}
    usage = {"completion_tokens": found.tokens}
    return {"choices": [{**said, "finish_reason": found.finish}], "usage": usage, "prompt": prompt.text}

"""A page in headless Chromium, spoken to over the debugging pipe: what it logs, loads and looks like.

The pipe needs no port and no package; messages are JSON, ended by a zero byte.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --no-default-browser-check --disable-extensions "
    "--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars "
    "--remote-debugging-pipe"
).split()
NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Return the path of an installed Chromium."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Browser:
    """One tab."""

    to_chromium: int
    from_chromium: int
    session: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    _last: int = 0
    _rest: bytes = b""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its result; events that come meanwhile are kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_chromium, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def open(self, page: Path) -> None:
        """Load a file and wait until it is quiet."""
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not self._seen("Page.loadEventFired"):
            self._receive()
        self.script("new Promise(done => requestAnimationFrame(() => setTimeout(done, 200)))")

    def script(self, source: str) -> Any:
        """Evaluate JavaScript in the page."""
        answer = self.call("Runtime.evaluate", expression=source, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """Return console messages, exceptions and policy violations since the page was opened."""
        return [
            json.dumps(event["params"])
            for name in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
            for event in self._seen(name)
        ]

    def requests(self) -> list[str]:
        """Return the addresses the page asked for, itself and data in the page left out."""
        asked = [event["params"] for event in self._seen("Network.requestWillBeSent")]
        addresses = [one["request"]["url"] for one in asked if one.get("type") != "Document"]
        return [address for address in addresses if not address.startswith("data:")]

    def show(self, *, width: int, dark: bool = False) -> None:
        """Set the width of the window in CSS pixels, and the colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        """Write the whole page as PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        """Return the page as it prints."""
        printed = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        return base64.b64decode(printed["data"])

    def _seen(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["method"] == name]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            chunk = os.read(self.from_chromium, 1 << 20)
            if not chunk:
                raise RuntimeError("Chromium went away")
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        if "method" in answer:
            self.events.append(answer)
        return answer


@contextmanager
def browser(program: str) -> Iterator[Browser]:
    """Start Chromium with an empty profile; it reads commands on descriptor 3 and answers on 4."""
    command_end, to_chromium = os.pipe()
    from_chromium, answer_end = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        script = f'exec "$0" "$@" 3<&{command_end} 4>&{answer_end}'
        process = subprocess.Popen(
            ["bash", "-c", script, program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(command_end, answer_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(command_end)
        os.close(answer_end)
        try:
            tab = Browser(to_chromium, from_chromium)
            target = tab.call("Target.createTarget", url="about:blank")["targetId"]
            tab.session = tab.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                tab.call(f"{domain}.enable")
            yield tab
        finally:
            process.terminate()
            process.wait(timeout=20)
            os.close(to_chromium)
            os.close(from_chromium)

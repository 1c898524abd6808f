"""A headless Chromium, driven over the DevTools protocol: pages opened, elements clicked by what they say, pictures."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import httpx
from websockets.sync.client import ClientConnection, connect

from dev.stack.processes import LeashedProcess, StackError, wait_until

Json: TypeAlias = Any
WIDTH, HEIGHT = 1366, 800
MOST_BYTES = 150_000
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_START_TIMEOUT_S = 60
_SETTLE_S = 45
_POLL_S = 0.2
_STILL_S = 12
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--remote-debugging-port=0", "--lang=en-US", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}"),
)
# Finds what a person sees: an element of this selector that shows this text, the smallest one first.
_FIND = """
(selector, text, isExact) => {
  const said = (e) => (e.innerText || e.value || e.getAttribute('aria-label') || '').trim();
  const shown = [...document.querySelectorAll(selector)].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(e).visibility !== 'hidden';
  });
  const fitting = shown.filter((e) => !text || (isExact ? said(e) === text : said(e).includes(text)));
  fitting.sort((a, b) => said(a).length - said(b).length);
  return fitting[0] || null;
}
"""
# Where to click an element e; null if it is not there or cannot be clicked.
_MIDDLE = """
if (!e || e.disabled) return null;
e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();
return [b.x + b.width / 2, b.y + b.height / 2];
"""


class Browser:
    """One page of one Chromium with a fresh profile; it ends with the ``with`` block, its profile is removed."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._line: ClientConnection | None = None
        self._requests = 0

    def __enter__(self) -> Self:
        command = next((found for name in _NAMES if (found := shutil.which(name))), None)
        if command is None:
            raise StackError("Chromium is not installed: apt-get install chromium")
        with ExitStack() as stack:
            profile = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bigmeter-chromium-")))
            process = stack.enter_context(
                LeashedProcess(
                    "Chromium",
                    [command, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
                    log=profile.with_suffix(".log"),
                    environment={"PATH": "/usr/bin:/bin", "HOME": str(profile), "LANG": "C.UTF-8"},
                    directory=profile,
                )
            )
            stack.callback(profile.with_suffix(".log").unlink)
            told = profile / "DevToolsActivePort"
            process.wait_until(lambda: told.exists() and bool(told.read_text()), _START_TIMEOUT_S, "open its port")
            port = told.read_text().split()[0]
            pages = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False, timeout=30).json()
            address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            self._line = stack.enter_context(connect(address, max_size=None, proxy=None))
            self._stack = stack.pop_all()
        self.ask("Page.enable")
        self._resize(WIDTH, HEIGHT)
        self.ask("Emulation.setTimezoneOverride", timezoneId="Asia/Bangkok")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def ask(self, method: str, **parameters: Json) -> dict[str, Json]:
        """Send one command of the protocol and return its result.

        :raises StackError: with the browser's reason.
        """
        if self._line is None:
            raise StackError("the browser is not started")
        self._requests += 1
        self._line.send(json.dumps({"id": self._requests, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._line.recv(timeout=60))
            if answer.get("id") != self._requests:
                continue  # an event, which nobody asked for
            if "error" in answer:
                raise StackError(f"{method}: {answer['error']['message']}")
            result: dict[str, Json] = answer["result"]
            return result

    def evaluate(self, script: str) -> Json:
        """Return the value of a JavaScript expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise StackError(f"the page: {answer['exceptionDetails']['exception'].get('description', script)}")
        return answer["result"].get("value")

    def keep(self, url: str, *, cookies: Mapping[str, str], storage: Mapping[str, str]) -> None:
        """Give the site at ``url`` cookies and what its pages remember in the browser."""
        for name, value in cookies.items():
            self.ask("Network.setCookie", url=url, name=name, value=value)
        text = "".join(f"localStorage.setItem({json.dumps(k)}, {json.dumps(v)});" for k, v in storage.items())
        self.ask("Page.addScriptToEvaluateOnNewDocument", source=f"try {{ {text} }} catch (_) {{}}")

    def open(self, url: str) -> None:
        """Open a page; what it shows comes later, see ``wait_for``."""
        self.ask("Page.navigate", url=url)

    def shows(self, text: str, selector: str = "body") -> bool:
        """Say whether an element of this selector shows this text."""
        return bool(self.evaluate(f"!!({_FIND})({json.dumps(selector)}, {json.dumps(text)}, false)"))

    def wait_for(self, text: str, selector: str = "body", timeout_s: float = _SETTLE_S) -> None:
        """Return when the page shows a text.

        :raises TimeoutError: naming the text.
        """
        wait_until(lambda: self.shows(text, selector), timeout_s, f"the page to show {text!r}", _POLL_S)

    def click(self, text: str, selector: str = "button, a, [role=tab], label", *, is_exact: bool = False) -> None:
        """Click the smallest element of a selector that shows a text, as a mouse does, once it is there and still.

        :raises TimeoutError: naming the text.
        """
        find = f"({_FIND})({json.dumps(selector)}, {json.dumps(text)}, {json.dumps(is_exact)})"
        self._click_at(f"(() => {{ const e = {find}; {_MIDDLE} }})()", text or selector)

    def _click_at(self, place: str, what: str) -> None:
        places: list[Json] = []

        def is_still() -> bool:  # a dialog slides in
            places.append(self.evaluate(place))
            return len(places) > 1 and places[-1] is not None and places[-1] == places[-2]

        wait_until(is_still, _SETTLE_S, f"something to click: {what!r}", _POLL_S)
        x, y = places[-1]
        self.point_at(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def point_at(self, x: float, y: float) -> None:
        """Move the mouse, so that nothing lies under it by chance in a picture."""
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def write(self, text: str) -> None:
        """Type a text where the cursor is."""
        self.ask("Input.insertText", text=text)

    def tick(self, row: str) -> None:
        """Tick the box of the table's row that shows a text.

        :raises TimeoutError: naming the text.
        """
        box = f"({_FIND})('tr', {json.dumps(row)}, false)?.querySelector('label, [role=checkbox]')"
        self._click_at(f"(() => {{ const e = {box}; {_MIDDLE} }})()", row)

    def fill(self, selector: str, text: str) -> None:
        """Write a text into the first field of a selector, in place of what is there, and leave the field.

        :raises TimeoutError: if there is no such field.
        """
        find = f"({_FIND})({json.dumps(selector)}, '', false)"
        wait_until(lambda: self.evaluate(f"!!{find}"), _SETTLE_S, f"a field {selector!r}", _POLL_S)
        self.evaluate(f"(() => {{ const e = {find}; e.focus(); e.select(); }})()")
        self.write(text)

    def press(self, key: str) -> None:
        """Press and release a key, such as ``Escape``."""
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def take_picture(self, path: Path, *, width: int = WIDTH, height: int = HEIGHT, hidden: str = "") -> None:
        """Write what is seen as a PNG file of few colours, once nothing moves any more.

        :param width: of the window, in pixels; so is ``height``.
        :param hidden: a text that must not be in a picture, such as a path of this machine.
        :raises StackError: if that text is seen, or the file is larger than a page of the guide should carry.
        """
        self._resize(width, height)
        self.point_at(width // 2, 2)
        seen: list[str] = []

        def is_still() -> bool:
            seen.append(str(self.ask("Page.captureScreenshot", format="png")["data"]))
            return len(seen) > 3 and seen[-1] == seen[-2] == seen[-3]

        with suppress(TimeoutError):  # the clock of a running task ticks: the last picture is as good as any
            wait_until(is_still, _STILL_S, "the page to stand still", 0.5)
        if hidden and self.shows(hidden):
            raise StackError(f"{path.name} would show {hidden}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(seen[-1]))
        _reduce_colours(path)
        self._resize(WIDTH, HEIGHT)
        if path.stat().st_size > MOST_BYTES:
            raise StackError(f"{path.name} has {path.stat().st_size:,} bytes: install pngquant, or show less")

    def _resize(self, width: int, height: int) -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)


def _reduce_colours(path: Path) -> None:
    if shutil.which("pngquant"):
        words = ["pngquant", "--force", "--skip-if-larger", "--strip", "--output", str(path), "128", str(path)]
        subprocess.run(words, check=False, capture_output=True)

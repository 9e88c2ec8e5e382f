"""A page opened in a headless Chromium without a network."""

import contextlib
import os
import shutil
import time

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--disable-quic",
    "--disable-background-networking",
)
VISIBLE = "Array.from(document.querySelectorAll('.plot')).filter(div => !div.closest('details:not([open])'))"


def find_chromium():
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@contextlib.contextmanager
def running_browser():
    """Start Chromium; skip the test where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium: set CHROMIUM to its path, or put chromium on PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


class Visit:
    """A page that has been opened without a network, with all that it complained about or asked for."""

    def __init__(self, browser, path, width=1280, script=""):
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
        context.set_default_timeout(180_000)  # a busy machine takes its time
        context.add_init_script(script)
        self.page = context.new_page()
        self.errors, self.requests = [], []
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.url = path.as_uri()
        self.page.goto(self.url)
        self.wait(f"{VISIBLE}.every(div => div.dataset.ready)")

    def wait(self, condition, seconds=60):
        # Polling from here: the page's policy forbids the evaluation that playwright's own waiting needs.
        end = time.monotonic() + seconds
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, f"never came true: {condition}"
            time.sleep(0.05)

    def drag(self, selector):
        """Turn the first of them with the mouse, as a hand does: in steps."""
        box = self.page.query_selector(selector)
        box.scroll_into_view_if_needed()
        place = box.bounding_box()
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for step in range(1, 5):
            self.page.mouse.move(x + 8 * step, y + 2 * step)
            self.page.wait_for_timeout(50)
        self.page.mouse.up()

    def close(self):
        self.page.context.close()

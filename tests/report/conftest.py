"""A real browser for pages: Chromium without a window and without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

Scheme = Literal["light", "dark"]
Medium = Literal["screen", "print"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser that SYNC_CONNECTOR_TEST_BROWSER names, else a Chromium on the PATH. Not longer than a module: as long as it
    is there, no test in the same process can run an event loop of its own."""
    path = os.environ.get("SYNC_CONNECTOR_TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        pytest.skip(
            "no browser is there: name a Chromium by SYNC_CONNECTOR_TEST_BROWSER=/usr/bin/chromium (on Debian: apt install "
            "chromium)"
        )
    with sync_playwright() as playwright:
        # The pages are our own, and containers seldom allow the sandbox to root.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


Shown = Callable[..., Page]


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[Shown]:
    """Opens a page's HTML from a file: width in pixels, colour scheme, medium. A page that asks for anything but itself, or says
    anything on the console, fails its test."""
    opened: list[BrowserContext] = []
    faults: list[str] = []

    def show(html: str, width: int = 1280, scheme: Scheme = "light", medium: Medium = "screen", bypass_csp: bool = False) -> Page:
        file = tmp_path / f"page-{len(opened)}.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, bypass_csp=bypass_csp
        )
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda said: faults.append(f"console: {said.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("request", lambda request: faults.append(f"asks for {request.url}") if request.url != file.as_uri() else None)
        page.emulate_media(media=medium)
        page.goto(file.as_uri())
        return page

    yield show
    for context in opened:
        context.close()
    assert faults == []

"""The viewer page in Chromium, on a session of scripted speech."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import av
import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.caption_page import PATIENCE_S, CaptionPage, Screen
from tests.support.viewed import Speaker, bearer, http_url, replicas, speaking

pytestmark = pytest.mark.browser

Browse = Callable[..., CaptionPage]


@asynccontextmanager
async def shared_session() -> AsyncIterator[tuple[Speaker, str, str]]:
    """Open a session with one final and a share; yield it, its page's address and the share."""
    async with replicas(1) as (server,), speaking(server) as speaker:
        shares = f"{http_url(server)}/v1/sessions/{speaker.session}/shares"
        async with httpx.AsyncClient() as client:
            made = (await client.post(shares, headers=bearer(speaker.secret))).json()
        await speaker.utter(1, 2, 3)
        yield speaker, http_url(server) + made["page"], f"{shares}/{made['share']}"


def lines(page: CaptionPage, part: str) -> list[str]:
    found = page.driver.find_elements(By.CSS_SELECTOR, f"#{part} .watch-line")
    return [line.text for line in found]


def wait(page: CaptionPage, condition: Callable[[], object]) -> None:
    WebDriverWait(page.driver, PATIENCE_S, poll_frequency=0.05).until(lambda _: condition())


def with_look(url: str, look: str) -> str:
    return url.replace("#", f"&{look}#")


async def test_the_page_shows_what_was_said_and_what_is_being_said(browse: Browse):
    async with shared_session() as (speaker, url, _):
        page = browse(Screen())
        page.driver.get(url)
        wait(page, lambda: lines(page, "finals") == ["w1 w2 w3"])
        assert (page.status, page.status_state) == ("Live", "live")
        await speaker.say(list(range(4, 16)))
        wait(page, lambda: any(text.startswith("w4") for text in lines(page, "open")))
        await speaker.say(1.5)
        await speaker.hear("final")
        spoken = " ".join(f"w{number}" for number in range(4, 16))
        wait(page, lambda: lines(page, "finals") == ["w1 w2 w3", spoken])
        assert lines(page, "open") == []
        await speaker.stop()
        wait(page, lambda: page.status == "The session is over.")


async def test_the_menu_changes_the_look_and_the_address_keeps_it(browse: Browse):
    async with shared_session() as (_, url, _share):
        page = browse(Screen())
        page.driver.get(url)
        wait(page, lambda: lines(page, "finals"))
        page.part("menu-toggle").click()
        assert page.part("menu").is_displayed()
        page.set_option("theme", "dark")
        page.set_option("lines", "2")
        assert "theme=dark" in page.driver.current_url
        assert "lines=2" in page.driver.current_url
        page.driver.refresh()
        wait(page, lambda: lines(page, "finals"))
        assert page.run("return document.documentElement.dataset.theme") == "dark"
        height = page.run("return document.querySelector('.watch-text').clientHeight")
        size = float(page.run("return parseFloat(getComputedStyle(captions).fontSize)"))
        assert height <= 2 * 1.34 * size + 1


async def test_for_a_browser_source_there_is_nothing_behind_the_text(browse: Browse):
    async with shared_session() as (_, url, _share):
        page = browse(Screen(dark=True))
        nothing = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
        page.driver.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", nothing)
        page.driver.get(with_look(url, "theme=clear&lines=2&menu=off"))
        wait(page, lambda: lines(page, "finals") == ["w1 w2 w3"])
        assert not page.part("bar").is_displayed()
        picture = io.BytesIO(page.driver.get_screenshot_as_png())
        with av.open(picture) as container:
            pixels = next(container.decode(video=0)).to_ndarray(format="rgba")
        assert pixels[:20, :, 3].max() == 0
        assert pixels[:, :, 3].max() == 255


async def test_a_revoked_share_is_told_in_a_sentence(browse: Browse):
    async with shared_session() as (speaker, url, share):
        page = browse(Screen(width=390))
        page.driver.get(url)
        wait(page, lambda: lines(page, "finals"))
        async with httpx.AsyncClient() as client:
            assert (await client.delete(share, headers=bearer(speaker.secret))).is_success
        wait(page, lambda: page.status_state == "offline")
        assert "revoked" in page.status
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")


async def test_an_address_without_a_session_says_what_is_missing(browse: Browse):
    async with shared_session() as (_, url, _share):
        page = browse(Screen())
        page.driver.get(url.split("?", maxsplit=1)[0])
        wait(page, lambda: "whole link" in page.status)

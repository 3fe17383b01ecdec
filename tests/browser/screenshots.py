"""Takes the pictures of the docs: `python -m tests.browser.screenshots FOLDER [NAME …]`."""

import sys
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.browser.caption_page import CaptionPage, Screen, open_browser, resize
from tests.support.recordings import clip, pcm16, silence
from tests.support.running_server import running_server

CLIPS = ("0930", "0890", "0870")
LIVE_AFTER_FINALS = 2
LIVE_AFTER_COMMITTED = 4


def write_speech(path: Path, rate_hz: int = 16_000) -> Path:
    parts = [part for number in CLIPS for part in (clip(number), silence(1.0))]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm16(np.concatenate(parts)))
    return path


def show_welcome(page: CaptionPage, _: Path) -> None:
    page.wait(lambda: page.status_state == "ready", "the server")


def show_live(page: CaptionPage, _: Path) -> None:
    page.set_option("words", True)
    page.start()
    page.wait(
        lambda: (
            len(page.captions) >= LIVE_AFTER_FINALS and page.num_committed >= LIVE_AFTER_COMMITTED
        ),
        "two captions and a third on its way",
    )


def show_options(page: CaptionPage, speech: Path) -> None:
    show_live(page, speech)
    page.part("options-toggle").click()
    page.run("document.activeElement.blur()")


def show_saving(page: CaptionPage, speech: Path) -> None:
    page.set_option("words", True)
    page.choose_file(speech)
    page.part("save").click()


def show_readers(page: CaptionPage, speech: Path) -> None:
    """Show the viewer page beside the speaker's, which goes on in its own tab."""
    show_live(page, speech)
    page.part("share").click()
    page.wait(lambda: page.part("share-said").text, "the link")
    link = page.part("share-link").get_property("value")
    page.driver.switch_to.new_window("tab")
    resize(page, Screen(1280, 720, dark=True))
    page.driver.get(link)
    page.wait(lambda: len(page.run(WATCH_LINES)) > LIVE_AFTER_FINALS, "captions for readers")


WATCH_LINES = "return [...document.querySelectorAll('#finals .watch-line')]"

PICTURES: dict[str, tuple[Screen, Callable[[CaptionPage, Path], None]]] = {
    "welcome": (Screen(1280, 800), show_welcome),
    "live-light": (Screen(1280, 800), show_live),
    "live-dark": (Screen(1280, 800, dark=True), show_live),
    "phone-light": (Screen(390, 844), show_live),
    "phone-dark": (Screen(390, 844, dark=True), show_saving),
    "wide-options": (Screen(1920, 1080), show_options),
    "file-saving": (Screen(1280, 800), show_saving),
    "watch": (Screen(1280, 800), show_readers),
}


def main(folder: Path, *names: str) -> None:
    """Write the pictures of these names, or every one, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, running_server("tiny.en") as server:
        speech = write_speech(Path(scratch) / "sense-and-sensibility.wav")
        for name in names or PICTURES:
            screen, show = PICTURES[name]
            shown = Screen(screen.width, screen.height, dark=screen.dark, microphone=speech)
            page = open_browser(shown, Path(scratch) / name)
            page.open(server.url)
            show(page, speech)
            page.screenshot(folder / f"{name}.png")
            page.driver.quit()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

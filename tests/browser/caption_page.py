"""The page in a headless Chromium, in the words of a reader."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
PATIENCE_S = 60
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--use-fake-device-for-media-stream",
)

# Notes every text each open line's solid part ever had, so that a test can see it only grow.
WATCH_COMMITTED = """
window.committedSeen = new Map();
const note = () => {
  for (const line of document.querySelectorAll('#open .committed')) {
    if (!line.dataset.watched) line.dataset.watched = String(window.committedSeen.size);
    const seen = window.committedSeen.get(line.dataset.watched) ?? [];
    if (seen.at(-1) !== line.textContent) seen.push(line.textContent);
    window.committedSeen.set(line.dataset.watched, seen);
  }
};
new MutationObserver(note).observe(document.getElementById('open'), {
  childList: true, subtree: true, characterData: true,
});
"""

DROP = """
const transfer = new DataTransfer();
transfer.items.add(arguments[0].files[0]);
for (const type of ['dragover', 'drop']) {
  window.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, cancelable: true }));
}
arguments[0].remove();
"""


@dataclass(frozen=True)
class Screen:
    """How the reader's browser is set up."""

    width: int = 1280
    height: int = 800
    dark: bool = False
    microphone: Path | None = None
    allows_microphone: bool = True


@dataclass
class CaptionPage:
    """One open page."""

    driver: webdriver.Chrome
    downloads: Path
    expected_errors: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        self.driver.get(url)
        self.wait(lambda: self.status_state in {"ready", "offline"}, "the page to meet the server")

    def wait(self, condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        wait = WebDriverWait(self.driver, patience_s, poll_frequency=0.05)
        try:
            return wait.until(lambda _: condition())
        except TimeoutException as error:
            raise TimeoutException(f"waited in vain for {what}: {self.state()}") from error

    def state(self) -> str:
        return f"{self.status!r}, problem {self.problem_kind!r}, text {self.text!r}"

    def part(self, name: str) -> WebElement:
        return self.driver.find_element(By.ID, name)

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    @property
    def status(self) -> str:
        return self.part("status-text").text

    @property
    def status_state(self) -> str:
        return self.part("status").get_attribute("data-state") or ""

    @property
    def captions(self) -> list[str]:
        script = "return [...document.querySelectorAll('#finals .caption-text')]"
        return self.run(script + ".map((line) => line.textContent)")

    @property
    def text(self) -> str:
        return " ".join(self.captions)

    @property
    def times(self) -> list[float]:
        script = "return [...document.querySelectorAll('#finals time')].map((t) => t.dateTime)"
        return [float(value[2:-1]) for value in self.run(script)]

    @property
    def marks(self) -> list[str]:
        return [mark.text for mark in self.driver.find_elements(By.CSS_SELECTOR, "#finals .mark")]

    @property
    def open_text(self) -> str:
        return self.run("return document.querySelector('#open .caption-text')?.textContent ?? ''")

    @property
    def num_committed(self) -> int:
        """How many words of the open utterance are solid."""
        script = "return document.querySelector('#open .committed')?.textContent ?? ''"
        return len(self.run(script).split())

    @property
    def problem_kind(self) -> str | None:
        card = self.part("problem")
        return card.get_attribute("data-kind") if card.is_displayed() else None

    def committed_histories(self) -> list[list[str]]:
        return self.run("return [...window.committedSeen.values()]")

    def watch_committed(self) -> None:
        self.run(WATCH_COMMITTED)

    def start(self) -> None:
        self.part("start").click()
        self.wait(lambda: self.status_state == "live", "the microphone to be live")

    def stop(self) -> None:
        self.part("start").click()
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        self.wait(lambda: self.part("start-text").text == "Start", "the run to end")
        self.wait(lambda: self.part("start").is_enabled(), "the run to end")

    def wait_for_caption_after(self, seconds: float) -> None:
        """Wait until a final starts later than this and nothing is open."""
        self.wait(
            lambda: any(at > seconds for at in self.times) and not self.open_text,
            f"a caption after {seconds} s",
        )

    def choose_file(self, path: Path) -> None:
        self.part("file-input").send_keys(str(path))
        self.wait_for_file()

    def drop_file(self, path: Path) -> None:
        source = self.run(
            "const input = document.createElement('input'); input.type = 'file';"
            "return document.body.appendChild(input);"
        )
        source.send_keys(str(path))
        self.run(DROP, source)
        self.wait_for_file()

    def wait_for_file(self) -> None:
        self.wait(lambda: not self.part("file-progress").is_displayed(), "the file to be captioned")
        self.wait_until_idle()

    def save(self, kind: str) -> str:
        """Save through the menu and return the file's text."""
        self.part("save").click()
        self.driver.find_element(By.CSS_SELECTOR, f"[data-save={kind}]").click()
        saved = self.wait(lambda: self._downloaded(kind), f"a .{kind} file")
        return saved[0].read_bytes().decode("utf-8")

    def _downloaded(self, kind: str) -> list[Path]:
        """Return the files that are whole: Chromium takes their names before it fills them."""
        if any(self.downloads.glob("*.crdownload")):
            return []
        return [path for path in self.downloads.glob(f"*.{kind}") if path.stat().st_size]

    def set_option(self, name: str, value: object) -> None:
        """Set a control of the options form as a reader would leave it."""
        script = (
            "const control = document.getElementById(arguments[0]);"
            "if (control.type === 'checkbox') control.checked = arguments[1];"
            "else control.value = arguments[1];"
            "control.dispatchEvent(new Event('input', { bubbles: true }));"
        )
        self.run(script, name, value)

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys("".join(keys))

    def turn_wheel_up(self) -> None:
        """Scroll the captions to their beginning as a reader would."""
        place = ScrollOrigin.from_element(self.part("captions"))
        ActionChains(self.driver).scroll_from_origin(place, 0, -5000).perform()

    @property
    def focused(self) -> str:
        return self.driver.switch_to.active_element.get_attribute("id") or ""

    def screenshot(self, path: Path) -> None:
        self.driver.save_screenshot(str(path))

    def unexpected_errors(self) -> list[str]:
        """Return what the browser complained about, less what the test provoked."""
        complaints = [entry["message"] for entry in self.driver.get_log("browser")]
        return [
            complaint
            for complaint in complaints
            if not any(re.search(pattern, complaint) for pattern in self.expected_errors)
        ]


def open_browser(screen: Screen, folder: Path) -> CaptionPage:
    """Start a browser with a profile of its own in `folder`."""
    downloads = folder / "downloads"
    downloads.mkdir(parents=True)
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    if screen.microphone:
        # Played once from the moment the page opens the microphone; silence follows.
        options.add_argument(f"--use-file-for-fake-audio-capture={screen.microphone}%noloop")
    if screen.allows_microphone:
        options.add_argument("--use-fake-ui-for-media-stream")
    else:
        options.add_argument("--deny-permission-prompts")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "WARNING"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    page = CaptionPage(driver, downloads)
    resize(page, screen)
    return page


def resize(page: CaptionPage, screen: Screen) -> None:
    """Give the page the screen's size and colours."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if screen.dark else "light"}
    size = {"width": screen.width, "height": screen.height, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


CTRL_ENTER = (Keys.CONTROL, Keys.ENTER)

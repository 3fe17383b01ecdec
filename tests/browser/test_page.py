"""The page around the captions: first steps, refusals, keys, colours and sizes."""

import itertools
import re

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.caption_page import CTRL_ENTER, Screen, resize
from tests.support.recordings import clip_path
from tests.support.running_server import running_server

pytestmark = pytest.mark.browser

MIN_CONTRAST = 4.5
SCREENS = {
    "phone": Screen(360, 640),
    "tall-phone-dark": Screen(390, 844, dark=True),
    "laptop": Screen(1280, 800),
    "wide-dark": Screen(1920, 1080, dark=True),
}
TEXT_PARTS = (
    ".status", ".welcome h2", ".welcome p", ".start", "#choose-file", ".caption-time",
    ".caption-text", ".tentative", ".mark", ".hint", ".options legend", ".field label",
    ".field output", ".problem-title", ".problem-next", ".menu button", ".menu small",
    ".about-latency p", ".latency-value", ".toast", ".caption-channel", ".file-numbers",
    ".share-panel p", ".share-said", ".share-stop",
)  # fmt: skip

# One of each kind of text, and the colours it is painted with; canvas reads any CSS colour.
READ_COLOURS = """
const box = document.createElement('div');
box.innerHTML = '<div class="captions"><div class="open"><div class="caption" data-channel="1">' +
  '<time class="caption-time">0:00</time><span class="caption-channel">c</span>' +
  '<p class="caption-text">solid <span class="tentative">faint</span></p></div>' +
  '<div class="mark">m</div></div></div>';
document.body.append(box);
const pixel = (colour) => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d');
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const backdrop = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = pixel(getComputedStyle(at).backgroundColor);
    if (colour[3] === 255) return colour;
  }
};
const found = arguments[0].map((selector) => {
  const element = document.querySelector(selector);
  return [selector, pixel(getComputedStyle(element).color), backdrop(element)];
});
box.remove();
return found;
"""


def luminance(colour):
    linear = [
        value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in colour[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_first_sight_says_what_to_do(browse, server):
    page = browse()
    page.open(server.url)
    assert page.status == "Ready · tiny.en"
    assert "Press Start" in page.part("welcome").text
    assert page.part("api-key").is_displayed() is False


def test_a_refused_microphone_says_how_to_allow_it(browse, server):
    page = browse(Screen(allows_microphone=False))
    page.open(server.url)
    page.part("start").click()
    page.wait(lambda: page.problem_kind == "mic_refused", "the refusal to be explained")
    assert "site settings" in page.part("problem-next").text
    assert page.part("problem-action").text == "Try again"
    page.choose_file(clip_path("0930"))
    assert page.captions


def test_a_missing_server_is_met_when_it_comes(browse, server):
    page = browse()
    page.expected_errors.append("Failed to load resource")
    page.open(server.url)
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/v1/info"]})
    page.driver.refresh()
    page.wait(lambda: page.problem_kind == "unreachable", "the missing server to be told")
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    page.wait(lambda: page.status_state == "ready", "the server")
    assert page.problem_kind is None


def test_a_server_with_keys_asks_for_one(browse, speech_file):
    with running_server("tiny.en", api_keys="correct-horse") as locked:
        page = browse(Screen(microphone=speech_file(("0880",))))
        page.expected_errors.append("401|Authentication failed")
        page.open(locked.url)
        page.part("start").click()
        page.wait(lambda: page.problem_kind == "unauthenticated", "the key to be asked for")
        page.part("problem-action").click()
        assert page.focused == "api-key"
        page.part("api-key").send_keys("correct-horse")
        page.start()
        page.stop()
        stored = page.run("return JSON.stringify({ ...localStorage })")
    assert "correct-horse" not in stored


def test_a_full_server_is_waited_for(browse, speech_file):
    with running_server("tiny.en", max_sessions=1) as small:
        first, second = (browse(Screen(microphone=speech_file(("0880",)))) for _ in range(2))
        first.open(small.url)
        first.start()
        second.open(small.url)
        second.part("start").click()
        second.wait(lambda: second.problem_kind == "overloaded", "the wait to be told")
        assert "Trying again in" in second.part("problem-next").text
        first.stop()
        second.part("problem-action").click()
        second.wait(lambda: second.status_state == "live", "a place")
        second.stop()
    assert second.problem_kind is None


def test_everything_can_be_done_from_the_keyboard(browse, server, speech_file):
    page = browse(Screen(microphone=speech_file(("0880",))))
    page.open(server.url)
    page.press(Keys.TAB)
    assert "skip-link" in page.driver.switch_to.active_element.get_attribute("class")
    page.press(Keys.ENTER)
    page.press(*CTRL_ENTER)
    page.wait(lambda: page.status_state == "live", "the microphone to be live")
    page.wait(lambda: page.captions, "a final")
    page.press(*CTRL_ENTER)
    page.wait_until_idle()

    page.part("options-toggle").send_keys(Keys.ENTER)
    assert page.part("options").is_displayed()
    page.press(Keys.ESCAPE)
    assert not page.part("options").is_displayed()
    assert page.focused == "options-toggle"


def test_every_control_has_a_name(browse, server):
    page = browse()
    page.open(server.url)
    tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {"button", "textbox", "combobox", "checkbox", "slider", "meter", "link"}
    unnamed = [
        node["nodeId"]
        for node in tree
        if node.get("role", {}).get("value") in roles and not node.get("name", {}).get("value")
    ]
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browse, server, scheme):
    page = browse(Screen(dark=scheme == "dark"))
    page.open(server.url)
    colours = page.run(READ_COLOURS, TEXT_PARTS)
    faint = {name: round(contrast(*pair), 2) for name, *pair in colours}
    assert {name: value for name, value in faint.items() if value < MIN_CONTRAST} == {}


def test_the_theme_button_goes_round_and_is_remembered(browse, server):
    page = browse()
    page.open(server.url)
    grounds = []
    for _ in range(3):
        grounds.append(
            page.run("return getComputedStyle(document.documentElement).backgroundColor")
        )
        page.part("theme").click()
    system, light, dark = grounds
    assert system == light != dark
    page.part("theme").click()
    page.part("theme").click()
    page.driver.refresh()
    assert page.part("theme").get_attribute("aria-label") == "Colours: dark"


@pytest.mark.parametrize("name", SCREENS)
def test_nothing_is_cut_off(browse, server, tmp_path, name):
    screen = SCREENS[name]
    page = browse(screen)
    page.open(server.url)
    page.choose_file(clip_path("0870"))
    resize(page, screen)
    for step, action in enumerate((None, "options-toggle")):
        if action:
            page.part(action).click()
        page.screenshot(tmp_path / f"{name}-{step}.png")
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
        outside = page.run(
            "return [...document.querySelectorAll('button, input, select, textarea')]"
            ".filter((e) => e.checkVisibility() && e.id !== 'file-input')"
            ".filter((e) => { const b = e.getBoundingClientRect();"
            " return b.left < 0 || b.right > innerWidth; }).map((e) => e.id || e.textContent)"
        )
        assert outside == []


def test_controls_do_not_overlap_on_a_phone(browse, server):
    page = browse(SCREENS["phone"])
    page.open(server.url)
    boxes = page.run(
        "return ['start', 'meter', 'choose-file', 'save'].map((id) => {"
        " const b = document.getElementById(id).getBoundingClientRect();"
        " return [b.left, b.top, b.right, b.bottom]; })"
    )
    for one, other in itertools.combinations(boxes, 2):
        is_beside = one[2] <= other[0] or other[2] <= one[0]
        is_above = one[3] <= other[1] or other[3] <= one[1]
        assert is_beside or is_above, (one, other)


def test_the_page_needs_nothing_from_elsewhere(browse, server):
    page = browse()
    page.open(server.url)
    names = page.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert names
    assert all(re.match(re.escape(server.url), name) for name in names)

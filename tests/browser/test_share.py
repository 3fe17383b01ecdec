"""The Share button: a link for readers, copied, shown, and ended, while the microphone is on."""

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.caption_page import PATIENCE_S, Screen, resize

pytestmark = pytest.mark.browser

SCREENS = {
    "phone": Screen(360, 640),
    "tall-phone-dark": Screen(390, 844, dark=True),
    "tablet": Screen(760, 1000),
    "laptop": Screen(1280, 800),
}
BOXES = """
return [...document.querySelectorAll('.controls button, .controls .meter')]
  .filter((e) => e.checkVisibility())
  .map((e) => { const b = e.getBoundingClientRect(); return [e.id, b.left, b.right, b.top]; })
"""


def allow_clipboard(page, url):
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"origin": url, "permissions": permissions}
    )


def lines(reader):
    script = "return [...document.querySelectorAll('#finals .watch-line')].map((l) => l.innerText)"
    return reader.run(script)


def wait(page, condition):
    WebDriverWait(page.driver, PATIENCE_S, poll_frequency=0.05).until(lambda _: condition())


def test_a_reader_follows_the_link_until_sharing_ends(browse, server, speech_file):
    page, reader = browse(Screen(microphone=speech_file(("0880",)))), browse(Screen())
    page.open(server.url)
    allow_clipboard(page, server.url)
    assert not page.part("share").is_displayed()
    page.start()
    page.part("share").click()
    wait(page, lambda: "copied" in page.part("share-said").text)
    link = page.part("share-link").get_property("value")
    assert link.startswith(f"{server.url}/watch?session=")
    assert page.run("return navigator.clipboard.readText()") == link
    assert page.part("share-open").get_property("href") == link

    reader.driver.get(link)
    page.wait(lambda: page.captions, "a final")
    wait(reader, lambda: lines(reader) == [caption.strip() for caption in page.captions])
    page.part("share-stop").click()
    wait(reader, lambda: reader.status_state == "offline")
    assert "revoked" in reader.status
    assert not page.part("share-panel").is_displayed()
    assert page.part("share-text").text == "Share"
    page.stop()
    assert not page.part("share").is_displayed()


def test_a_link_can_be_copied_and_ended_after_the_microphone_is_off(browse, server, speech_file):
    page = browse(Screen(microphone=speech_file(("0880",))))
    page.open(server.url)
    page.start()
    page.part("share").click()
    wait(page, lambda: page.part("share-said").text)
    link = page.part("share-link").get_property("value")
    page.press("\ue00c")
    page.stop()
    assert page.part("share-text").text == "Shared"
    page.part("share").click()
    wait(page, lambda: page.part("share-panel").is_displayed())
    assert page.part("share-link").get_property("value") == link
    page.part("share-stop").click()
    wait(page, lambda: not page.part("share").is_displayed())


@pytest.mark.parametrize("name", SCREENS)
def test_nothing_is_cut_off_or_covered(browse, server, speech_file, tmp_path, name):
    screen = SCREENS[name]
    page = browse(Screen(microphone=speech_file(("0880",))))
    resize(page, screen)
    page.open(server.url)
    page.start()
    boxes = sorted(page.run(BOXES), key=lambda box: (round(box[3] / 100), box[1]))
    assert {"start", "finalize", "share", "save"} <= {box[0] for box in boxes}
    assert all(left >= 0 and right <= screen.width for _, left, right, _ in boxes), boxes
    page.part("share").click()
    wait(page, lambda: page.part("share-said").text)
    page.screenshot(tmp_path / f"{name}.png")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    panel = page.run(
        "const b = document.getElementById('share-panel').getBoundingClientRect();"
        "return [b.left, b.top, b.right, b.bottom]"
    )
    assert panel[0] >= 0
    assert panel[1] >= 0
    assert panel[2] <= screen.width
    assert panel[3] <= page.run("return document.querySelector('.dock').offsetTop") + 1
    page.press("\ue00c")
    page.stop()

"""Real speech through the browser's microphone to captions on the page."""

import itertools
import json
import re

import pytest

from tests.browser.cable import Cable
from tests.browser.caption_page import Screen
from tests.support.recordings import clip, references, spoken, word_errors
from tests.support.running_server import running_module, running_server

pytestmark = pytest.mark.browser

CLIPS = ("0870", "0930")
SECOND_CLIP_S = len(clip("0870")) / 16_000 + 1.0
REFERENCE = " ".join(references()[number] for number in CLIPS)
# tiny.en behind the browser's own noise suppression: 0 or 1 wrong words of 30 in each of six runs.
MAX_WORD_ERROR_RATE = 0.15
LOST = r"WebSocket connection to|Failed to load resource: net::ERR"


def assert_says(text: str, reference: str) -> None:
    rate = word_errors(reference, text) / len(spoken(reference))
    assert rate <= MAX_WORD_ERROR_RATE, f"{rate:.0%} of the words are wrong in {text!r}"


def test_speech_becomes_captions(browse, server, speech_file):
    page = browse(Screen(microphone=speech_file(CLIPS)))
    page.open(server.url)
    page.watch_committed()
    page.start()
    page.wait(lambda: page.open_text, "words while they are spoken")
    page.wait_for_caption_after(SECOND_CLIP_S - 0.5)
    page.stop()

    assert_says(page.text, REFERENCE)
    assert page.times == sorted(page.times)
    assert page.status == "Ready · tiny.en"


@pytest.fixture(scope="module")
def quick_server():
    """Answers at once with made-up words, so that some are committed early on any machine."""
    with running_module(["tests.benchmarks.modelled_server", "--slower", "0.01"]) as server:
        yield server


def test_committed_words_only_grow_and_earlier_captions_stay(browse, quick_server, speech_file):
    page = browse(Screen(microphone=speech_file(CLIPS)))
    page.open(quick_server.url)
    page.watch_committed()
    page.start()
    page.wait(lambda: page.captions, "the first final")
    first = page.driver.find_element("css selector", "#finals .caption-text")
    first_text = first.text
    page.wait_for_caption_after(SECOND_CLIP_S - 0.5)

    assert first.text == first_text
    histories = page.committed_histories()
    assert any(history[-1].strip() for history in histories), "some words became solid early"
    for history in histories:
        for before, after in itertools.pairwise(history):
            assert after.startswith(before.rstrip())


def test_delay_is_measured_and_explained(browse, server, speech_file):
    page = browse(Screen(microphone=speech_file(("0880",))))
    page.open(server.url)
    assert not page.part("latency").is_displayed()
    page.start()
    page.wait(lambda: page.captions, "a final")
    page.part("latency").click()

    rows = {name: page.part(name).text for name in ("interim-median", "final-latest")}
    assert all(re.fullmatch(r"\d+\.\d\d s", value) for value in rows.values()), rows
    assert float(rows["final-latest"].split()[0]) > 0
    limits = json.loads(server.get("/v1/info"))["limits"]
    silence_ms = limits["endpoint_silence_ms"]["default"]
    assert page.part("latency-silence").text == f"{silence_ms} ms"


def test_options_change_while_captions_run(browse, server, speech_file):
    page = browse(Screen(microphone=speech_file(CLIPS)))
    page.open(server.url)
    assert not page.part("language").is_enabled()
    assert not page.part("task").is_enabled()
    page.start()
    page.set_option("words", True)
    page.set_option("endpoint", 400)
    page.wait_for_caption_after(SECOND_CLIP_S - 0.5)
    page.stop()

    script = "return [...document.querySelectorAll('#finals .word')].map((w) => w.dataset.start)"
    starts = [float(value) for value in page.run(script)]
    assert starts
    assert starts == sorted(starts)
    page.driver.refresh()
    assert page.part("words").get_property("checked")


def test_finish_sentence_makes_a_final_at_once(browse, server, speech_file):
    page = browse(Screen(microphone=speech_file(("0870",))))
    page.open(server.url)
    page.set_option("endpoint", 2000)
    page.start()
    page.wait(lambda: len(page.open_text.split()) > 4, "a few words")
    page.part("finalize").click()
    page.wait(lambda: page.captions, "the final")
    assert page.times[0] < 2


def test_a_pulled_cable_loses_no_words(browse, server, speech_file):
    with Cable(server.url) as cable:
        page = browse(Screen(microphone=speech_file(CLIPS)))
        page.expected_errors.append(LOST)
        page.open(cable.url)
        page.start()
        page.wait(lambda: len(page.open_text.split()) > 4, "a few words")
        cable.pull()
        page.wait(lambda: page.status == "Reconnecting…", "the page to notice")
        assert page.problem_kind == "lost"
        assert page.open_text
        cable.plug_in()
        page.wait(lambda: page.status_state == "live", "the page to come back")
        page.wait_for_caption_after(SECOND_CLIP_S - 0.5)
        page.stop()

    assert page.problem_kind is None
    assert_says(page.text, REFERENCE)
    assert any("nothing missed" in mark for mark in page.marks)
    assert page.times == sorted(page.times)


def test_a_killed_server_leaves_the_transcript_and_a_way_on(browse, speech_file):
    with running_server("tiny.en") as doomed:
        page = browse(Screen(microphone=speech_file(CLIPS)))
        page.expected_errors.append(LOST)
        page.open(doomed.url)
        page.start()
        page.wait(lambda: page.captions, "the first final")
        before = page.text
    page.wait(lambda: page.problem_kind in {"lost", "unreachable"}, "the page to notice")
    assert page.part("problem-action").text == "Try now"
    page.part("start").click()
    page.wait_until_idle()

    assert page.text.startswith(before)
    assert page.problem_kind in {"lost", "unreachable"}
    assert page.part("problem-action").text == "Try again"
    assert "srt" in {
        button.get_attribute("data-save")
        for button in page.driver.find_elements("css selector", "[data-save]:not(:disabled)")
    }


def test_starting_again_goes_on_with_the_same_transcript(browse, server, speech_file):
    page = browse(Screen(microphone=speech_file(("0880",))))
    page.open(server.url)
    for expected in (1, 2):
        page.start()
        page.wait(lambda: len(page.captions) >= expected, "a final")  # noqa: B023 - used at once
        page.stop()

    assert page.times == sorted(page.times)
    assert len([mark for mark in page.marks if mark.startswith("Started again")]) == 1

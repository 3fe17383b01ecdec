import pytest

from server.dialects.compatibility import (
    CompatibilityPage,
    FieldList,
    ignored,
    refused,
    render,
    supported,
)
from streaming.errors import ErrorCode, StarlingError

pytestmark = pytest.mark.unit

FIELDS = FieldList(
    "Query",
    (
        supported("language", "A code."),
        ignored("tag", "Kept nowhere."),
        refused("callback", "Read the answer from the response."),
    ),
    about="Of the address.",
)


def test_a_refused_field_is_an_error_with_its_note_as_the_hint():
    with pytest.raises(StarlingError) as error:
        FIELDS.refuse(["language", "callback"])
    assert error.value.code is ErrorCode.INVALID_OPTIONS
    assert "callback" in error.value.message
    assert error.value.hint == "Read the answer from the response."


def test_other_fields_pass_known_or_not():
    FIELDS.refuse(["language", "tag", "new_field"])


def test_a_page_lists_every_field_with_what_becomes_of_it():
    page = render(CompatibilityPage("x.md", "X clients", "Point them here.", (FIELDS,)))
    assert page.startswith("# X clients\n")
    assert "## Query\n\nOf the address.\n" in page
    assert "| `tag` | ignored | Kept nowhere. |" in page
    assert page.count("| `") == len(FIELDS.fields)

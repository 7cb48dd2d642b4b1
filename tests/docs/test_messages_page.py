"""docs/messages.md lists what the catalogue has."""

from tools.message_page import PAGE, page


def test_the_page_is_made_from_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tools.message_page"

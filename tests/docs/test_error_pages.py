"""docs/errors has a page for each rule, made from the catalogue."""

from tools.error_pages import FOLDER, pages


def test_the_pages_are_made_from_the_catalogue() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == pages(), "run: python -m tools.error_pages"

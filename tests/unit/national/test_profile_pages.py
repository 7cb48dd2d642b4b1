"""tools/profile_pages.py: the pages of the profiles say what the profiles say."""

from pathlib import Path

from tests.support.national import ROOT
from tools.profile_pages import pages

PAGES = ROOT / "docs" / "national"


def test_the_pages_are_up_to_date() -> None:
    made = dict(pages(ROOT))
    committed = {
        path.relative_to(PAGES): path.read_text("utf-8") for path in sorted(PAGES.rglob("*.md"))
    }
    stale = [path for path, text in made.items() if committed.get(path) != text]
    assert stale == [], "run: python -m tools.profile_pages"
    assert set(committed) == set(made)


def test_a_page_shows_elements_rules_and_examples_in_both_languages() -> None:
    made = dict(pages(ROOT))
    english, ukrainian = made[Path("en/UaPatient.md")], made[Path("uk/UaPatient.md")]
    assert "A holder of an ID card has an УНЗР: add the identifier" in english
    assert "Власник ID-картки має УНЗР: додайте цей ідентифікатор" in ukrainian
    for page in (english, ukrainian):
        assert "| `identifier:rnokpp` | 0..1 | UaRnokpp |" in page
        assert "(../../../examples/patients/id-card.json)" in page
        assert "`ua-pat-1`" in page
        assert "- `unzr-birth-date`: `Patient`" in page

import pytest

from fhir_server.search import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Müller", "muller"),
        ("Łódź Ørsted Æsir", "lodz orsted aesir"),
        ("STRAẞE straße", "strasse strasse"),
        ("O'Brien", "obrien"),
        ("  Anna \t Maria ", "anna maria"),
        ("ﬁle Ｆｕｌｌ", "file full"),
        ("Zoe\u0308", "zoe"),
        ("ІВАНЕНКО", "іваненко"),
        ("Знам\u02bcянка", "знамянка"),
        ("Знам\u2019янка", "знамянка"),
        ("Знам'янка", "знамянка"),
        ("Ґалаґан", "ґалаґан"),
        ("Київ, Їжакевич, Йосип", "київ, їжакевич, йосип"),
        ("Кии\u0306 і\u0308", "кий ї"),
        ("за\u0301мок", "замок"),
        ("Ёлка", "ёлка"),
    ],
)
def test_case_latin_accents_apostrophes_and_spacing_do_not_count(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("pair", [("ґ", "г"), ("й", "и"), ("ї", "і"), ("є", "е")])
def test_ukrainian_letters_stay_different(pair: tuple[str, str]) -> None:
    assert fold(pair[0]) != fold(pair[1])


@pytest.mark.parametrize(
    "text", ["Müller", "Знам’янка", "Кии\u0306в", "Ёлка ẞ ﬁ", "x\u0301ї\u0301"]
)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)

"""Write a page per national profile in English and Ukrainian: ``python -m tools.profile_pages``.

The pages below ``docs/national`` come from ``profiles/`` and ``examples/``; a test compares them.
Spec: https://hl7.org/fhir/R4/elementdefinition.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHECK = "https://fhir.esoz.ua/StructureDefinition/registered-check"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
NATIONAL = "https://fhir.esoz.ua/"
LANGUAGES = ("en", "uk")

Json = dict[str, Any]

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "base": "Base",
        "elements": "Elements",
        "element": "Element",
        "card": "Cardinality",
        "type": "Type",
        "meaning": "Meaning",
        "codes": "Codes",
        "rules": "Rules",
        "key": "Key",
        "severity": "Severity",
        "rule": "Rule",
        "check": "Registered checks",
        "examples": "Examples",
        "wrong": "Wrong examples",
        "file": "File",
        "breaks": "Breaks",
        "profiles": "Profiles",
        "data-types": "Data types",
        "extensions": "Extensions",
        "where": "Where",
        "about": (
            "Profiles of ЕСОЗ records on FHIR R4. They are a proposal of this project: no official "
            "Ukrainian guide is published. All addresses start with `https://fhir.esoz.ua`. "
            "Made from `profiles/` by `python -m tools.profile_pages`."
        ),
        "index": "National profiles",
        "other": "Українською",
    },
    "uk": {
        "base": "Основа",
        "elements": "Елементи",
        "element": "Елемент",
        "card": "Кратність",
        "type": "Тип",
        "meaning": "Зміст",
        "codes": "Коди",
        "rules": "Правила",
        "key": "Ключ",
        "severity": "Рівень",
        "rule": "Правило",
        "check": "Зареєстровані перевірки",
        "examples": "Приклади",
        "wrong": "Приклади з помилками",
        "file": "Файл",
        "breaks": "Порушує",
        "profiles": "Профілі",
        "data-types": "Типи даних",
        "extensions": "Розширення",
        "where": "Де",
        "about": (
            "Профілі записів ЕСОЗ на FHIR R4. Це пропозиція проєкту: офіційної української "
            "настанови з упровадження не видано. Усі адреси починаються з `https://fhir.esoz.ua`. "
            "Сторінки створено з `profiles/` командою `python -m tools.profile_pages`."
        ),
        "index": "Національні профілі",
        "other": "English",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Example files by the profile they claim, and what the wrong ones break."""

    valid: Mapping[str, tuple[str, ...]]
    wrong: Mapping[str, Json]


def pages(root: Path) -> Iterator[tuple[Path, str]]:
    """Make every page: its path below ``docs/national`` and its text."""
    examples = _examples(root / "examples")
    profiles = _definitions(root / "profiles" / "structure-definitions")
    data_types = _definitions(root / "profiles" / "data-types")
    extensions = _definitions(root / "profiles" / "extensions")
    for language in LANGUAGES:
        yield Path(language, "README.md"), _index(profiles, data_types, extensions, language)
        for profile in (*profiles, *data_types):
            name = f"{profile['name']}.md"
            yield Path(language, name), _page(profile, examples, language)


def _definitions(folder: Path) -> list[Json]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def _examples(folder: Path) -> Examples:
    valid: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        if name.startswith("invalid/") or "broken" in name:
            continue
        resource = json.loads(path.read_text("utf-8"))
        for profile in resource.get("meta", {}).get("profile", ()):
            valid[profile] = (*valid.get(profile, ()), name)
    wrong = yaml.safe_load((folder / "invalid" / "expected.yaml").read_text("utf-8"))
    return Examples(valid=valid, wrong=wrong)


def text(holder: Json, key: str, language: str) -> str:
    """Return a text of a definition in one language, English where there is no translation."""
    if language != "en":
        for extension in holder.get("_" + key, {}).get("extension", ()):
            parts = {part["url"]: part for part in extension.get("extension", ())}
            if extension["url"] == TRANSLATION and parts["lang"]["valueCode"] == language:
                return str(parts["content"]["valueString"])
    return str(holder.get(key, ""))


def _index(
    profiles: list[Json], data_types: list[Json], extensions: list[Json], language: str
) -> str:
    words = WORDS[language]
    other = next(each for each in LANGUAGES if each != language)
    lines = [
        f"# {words['index']}",
        "",
        f"[{words['other']}](../{other}/README.md)",
        "",
        words["about"],
        "",
    ]
    for title, definitions in (("profiles", profiles), ("data-types", data_types)):
        rows = [
            [
                f"[{each['name']}]({each['name']}.md)",
                each["type"],
                text(each, "description", language),
            ]
            for each in definitions
        ]
        lines += [f"## {words[title]}", ""]
        lines += _table([words["element"], words["type"], words["meaning"]], rows)
    rows = [
        [
            f"`{each['id']}`",
            ", ".join(f"`{context['expression']}`" for context in each["context"]),
            text(each, "description", language),
        ]
        for each in extensions
    ]
    lines += [f"## {words['extensions']}", ""]
    lines += _table([words["element"], words["where"], words["meaning"]], rows)
    return "\n".join(lines)


def _page(profile: Json, examples: Examples, language: str) -> str:
    words = WORDS[language]
    other = next(each for each in LANGUAGES if each != language)
    lines = [
        f"# {profile['name']}: {text(profile, 'title', language)}",
        "",
        f"[{words['other']}](../{other}/{profile['name']}.md)",
        "",
        text(profile, "description", language),
        "",
        f"`{profile['url']}`; {words['base']}: "
        f"[{profile['type']}](https://hl7.org/fhir/R4/{profile['type'].lower()}.html).",
        "",
        f"## {words['elements']}",
        "",
    ]
    elements: list[Json] = profile["differential"]["element"]
    lines += _elements(elements, language)
    lines += _rules(elements, language)
    lines += _valid(examples.valid.get(profile["url"], ()), language)
    prefix = f"{profile['name']}/"
    lines += _wrong({f: w for f, w in examples.wrong.items() if f.startswith(prefix)}, language)
    return "\n".join(lines)


def _elements(elements: list[Json], language: str) -> list[str]:
    words = WORDS[language]
    rows = [
        [
            f"`{element['id'].partition('.')[2]}`",
            _cardinality(element),
            ", ".join(_types(element)),
            _meaning(element, language),
            _codes(element),
        ]
        for element in elements
        if "." in element["id"]
    ]
    header = ["element", "card", "type", "meaning", "codes"]
    return _table([words[word] for word in header], rows)


def _cardinality(element: Json) -> str:
    if "min" not in element and "max" not in element:
        return ""
    return f"{element.get('min', '')}..{element.get('max', '')}"


def _types(element: Json) -> Iterator[str]:
    for each in element.get("type", ()):
        targets = [target.rpartition("/")[2] for target in each.get("targetProfile", ())]
        names = [profile.rpartition("/")[2] for profile in each.get("profile", ())]
        yield f"Reference({' / '.join(targets)})" if targets else " / ".join(names) or each["code"]


def _meaning(element: Json, language: str) -> str:
    """The short text and the value that is fixed, if any."""
    parts = [text(element, "short", language)]
    for key, value in element.items():
        if key.startswith(("fixed", "pattern")):
            parts.append(f"`{_plain(value)}`")
    return "; ".join(part for part in parts if part)


def _plain(value: Any) -> str:
    """Write a fixed value as ``system#code`` where it is a coding, else as JSON."""
    if isinstance(value, dict) and "coding" in value:
        return " + ".join(f"{c['system']}#{c.get('code', '*')}" for c in value["coding"])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _codes(element: Json) -> str:
    binding = element.get("binding")
    if binding is None:
        return ""
    return f"{binding['valueSet'].rpartition('/')[2]} ({binding['strength']})"


def _rules(elements: list[Json], language: str) -> list[str]:
    words = WORDS[language]
    rows = [
        [
            f"`{rule['key']}`",
            rule["severity"],
            f"`{element['id']}`",
            text(rule, "human", language),
            f"`{rule['expression']}`",
        ]
        for element in elements
        for rule in element.get("constraint", ())
    ]
    checks = [
        f"- `{extension['valueCode']}`: `{element['id']}`"
        for element in elements
        for extension in element.get("extension", ())
        if extension["url"] == CHECK
    ]
    lines: list[str] = []
    if rows:
        header = ["key", "severity", "element", "rule"]
        lines += [f"## {words['rules']}", ""]
        lines += _table([*(words[word] for word in header), "FHIRPath"], rows)
    if checks:
        lines += [f"## {words['check']}", "", *checks, ""]
    return lines


def _valid(files: tuple[str, ...], language: str) -> list[str]:
    if not files:
        return []
    links = [f"- [{file}](../../../examples/{file})" for file in files]
    return [f"## {WORDS[language]['examples']}", "", *links, ""]


def _wrong(files: Mapping[str, Json], language: str) -> list[str]:
    if not files:
        return []
    words = WORDS[language]
    rows = [
        [
            f"[{file.partition('/')[2]}](../../../examples/invalid/{file})",
            f"`{wrong.get('key', wrong['rule'])}`",
            f"`{wrong['at']}`",
        ]
        for file, wrong in files.items()
    ]
    return [
        f"## {words['wrong']}",
        "",
        *_table([words["file"], words["breaks"], words["where"]], rows),
    ]


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(header), line(["---"] * len(header)), *(line(row) for row in rows), ""]


def main() -> None:
    """Write the pages of this checkout."""
    root = Path(__file__).parents[1]
    for path, content in pages(root):
        target = root / "docs" / "national" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()

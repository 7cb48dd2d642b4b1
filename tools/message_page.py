"""Writes docs/messages.md and docs/errors from the catalogue: ``python -m tools.message_page``."""

from itertools import groupby
from pathlib import Path

from fhir_server.model import Message, catalogue
from tools import error_pages

PAGE = Path(__file__).parents[1] / "docs" / "messages.md"
HEAD = """# Messages

Every message of the server, by area. The rule id stands in `details.coding` of an issue, the
sentence comes in both languages, `{names}` filled in. Made by `python -m tools.message_page` from
`fhir_server/model/messages/`. A page for each, with cure and example: [errors](errors/README.md).
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    entries = sorted(catalogue().values(), key=lambda entry: (entry.area, entry.rule))
    for area, group in groupby(entries, key=lambda entry: entry.area):
        parts.append(f"\n## {area}\n")
        parts += [_entry(entry) for entry in group]
    return "\n".join(parts)


def _entry(entry: Message) -> str:
    head = f"### {entry.rule}\n\n`{entry.severity}`, issue code `{entry.code}`.\n"
    return f"{head}\n- {_plain(entry.en)}\n- {_plain(entry.uk)}\n"


def _plain(template: str) -> str:
    return template.replace("{{", "{").replace("}}", "}")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    error_pages.write()

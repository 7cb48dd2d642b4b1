"""The file of a compiled package: exact, lazy, and never half."""

from decimal import Decimal

import pytest

from fhir_server.definitions.shelf import BrokenShelf, FileShelf, ShelfWriter
from fhir_server.definitions.type_table import TypeRow


@pytest.fixture
def path(tmp_path):
    writer = ShelfWriter()
    writer.add({"resourceType": "ValueSet", "url": "urn:v", "version": "1", "x": Decimal("1.0300")})
    writer.add({"resourceType": "NamingSystem", "id": "n"})
    made = tmp_path / "deep" / "package.defs"
    writer.write(made, {"Thing": TypeRow(None, "logical", False, ())})
    return made


def test_what_is_written_is_read_to_the_digit(path):
    shelf = FileShelf(path)

    (entry,) = shelf.find("ValueSet", "urn:v")
    assert (entry.kind, entry.version) == ("ValueSet", "1")
    assert str(shelf.load(entry)["x"]) == "1.0300"
    assert list(shelf.types()) == ["Thing"]


def test_a_definition_without_url_is_found_by_type_and_id(path):
    shelf = FileShelf(path)

    (entry,) = shelf.find("NamingSystem", "NamingSystem/n")
    assert shelf.load(entry) == {"resourceType": "NamingSystem", "id": "n"}
    assert shelf.find("NamingSystem", "urn:v") == ()


@pytest.mark.parametrize("kept", [0, 5, -1])
def test_a_file_that_was_cut_is_refused(path, kept):
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(BrokenShelf):
        FileShelf(path)


@pytest.mark.parametrize("at", [0, 20, 60, -1])
def test_a_file_with_another_byte_is_refused(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)

    with pytest.raises(BrokenShelf):
        FileShelf(path)


def test_writing_leaves_nothing_else_behind(path):
    assert [file.name for file in path.parent.iterdir()] == ["package.defs"]

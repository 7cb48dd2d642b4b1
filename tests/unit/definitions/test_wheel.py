"""An installed wheel carries the national package and the demo data."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NEEDED = ("fhir_server", "profiles", "terminology", "examples/demo")
LOOK = """
import fhir_server.definitions as d
from fhir_server.definitions.packages import national_package
print(national_package().place)
registry = d.load_registry()
print(registry.structure("https://fhir.esoz.ua/StructureDefinition/UaPatient") is not None)
print(len(list(d.shipped_folder("examples/demo").glob("*.json"))))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline in a copy of the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    for name in NEEDED:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md"):
        shutil.copy(ROOT / name, tree / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps"]
    subprocess.run(
        [*build, "--no-index", "-w", str(folder), str(tree)], check=True, capture_output=True
    )
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_what_the_server_needs(unpacked):
    shown = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=unpacked.parent, env={**os.environ, "PYTHONPATH": str(unpacked)},
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip

    assert shown[0] == ", ".join(
        str(unpacked / "fhir_server/data" / name) for name in ("terminology", "profiles")
    )
    assert shown[1] == "True"
    assert int(shown[2]) > 0

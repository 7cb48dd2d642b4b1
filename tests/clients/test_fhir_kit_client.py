"""The client fhir-kit-client (npm), unmodified, where Node.js is there."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
VISIT = HERE.parents[1] / "examples/visit-bundle.json"
VERSION = "2.0.3"


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js, which the project does not")
def test_create_search_page_patch_transaction_and_validate(base_url: str, tmp_path: Path) -> None:
    install = ["npm", "install", "--no-audit", "--no-fund", f"fhir-kit-client@{VERSION}"]
    subprocess.run(install, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    result = subprocess.run(
        ["node", str(HERE / "fhir_kit_client.mjs"), base_url, str(VISIT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "all steps passed" in result.stdout

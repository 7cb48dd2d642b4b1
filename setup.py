"""What `pyproject.toml` cannot say: the wheel carries the national package and the demo data."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

DATA = ("profiles", "terminology", "examples/demo")


class BuildWithData(build_py):
    """Copies the folders beside the package into ``fhir_server/data``."""

    def run(self) -> None:
        """Build the modules, then copy; an editable install finds the folders where they are."""
        super().run()
        if self.editable_mode:
            return
        for name in DATA:
            target = Path(self.build_lib) / "fhir_server" / "data" / name
            shutil.copytree(Path(__file__).parent / name, target, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithData})

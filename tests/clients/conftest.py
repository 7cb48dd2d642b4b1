"""A server on loopback for unmodified clients."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ports import free_port


@pytest.fixture(scope="module")
def base_url():
    port = free_port()
    command = [str(Path(sys.executable).with_name("fhir-server")), "serve", "--port", str(port)]
    server = subprocess.Popen(
        [*command, "--store", "sqlite:///:memory:"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline().strip() == f"http://127.0.0.1:{port}/fhir"
        yield f"http://127.0.0.1:{port}/fhir"
    finally:
        server.terminate()
        server.wait(timeout=30)
        server.stdout.close()

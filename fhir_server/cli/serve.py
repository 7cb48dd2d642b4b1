"""``fhir-server serve``: the FHIR API over HTTP until SIGTERM or Ctrl-C."""

import http.client
import multiprocessing
import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_server.cli.progress import compile_progress

if TYPE_CHECKING:
    from fhir_server.definitions import Registry
    from fhir_server.settings import Settings


@click.command(name="serve")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--workers", type=int, help="Processes that serve.")
@click.option("--store", help="sqlite:///PATH, sqlite:///:memory: or mongodb://…")
@click.option("--base-url", help="Address of the FHIR API in links, such as https://host/fhir.")
@click.option(
    "--demo", is_flag=True, default=None, help="Load the examples where the store is empty."
)
@click.option(
    "--settings",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Settings file instead of fhir-server.toml.",
)
def command(file: Path | None, **flags: Any) -> None:
    """Serve the FHIR API over HTTP."""
    from fhir_server.cli.settings import load_or_exit

    settings = load_or_exit(flags, file)
    with compile_progress() as progress:
        from fhir_server.app import registry_of
        from fhir_server.definitions import PackageMissing, PackageRefused

        try:  # before any worker, so that definitions are compiled once and shown to be there
            registry = registry_of(settings, progress)
        except (PackageMissing, PackageRefused) as error:
            raise click.ClickException(str(error)) from error
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _leave)  # uvicorn raises it again once everything is closed
    if settings.workers > 1:
        _serve_many(settings)
    else:
        _serve_one(settings, registry)


def _leave(_signal: int, _frame: object) -> None:
    """End with 0: to be told to stop is no failure."""
    sys.exit(0)


def _config(settings: "Settings", registry: "Registry | None" = None) -> Any:
    import uvicorn

    from fhir_server.http import BoundedProtocol, WireLimits

    limits = WireLimits(
        max_header_bytes=settings.http.max_header_bytes,
        max_headers=settings.http.max_headers,
        header_timeout_s=settings.http.header_timeout_s,
    )
    return uvicorn.Config(
        partial(_serving_app, settings, registry),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=partial(BoundedProtocol, limits=limits),  # type: ignore[arg-type] # called, like a class
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        date_header=True,
        timeout_keep_alive=int(settings.http.keep_alive_s),
        timeout_graceful_shutdown=_GRACE_S,
    )


_GRACE_S = 25


def _serving_app(settings: "Settings", registry: "Registry | None") -> Any:
    """Make the application, here or in a worker."""
    from fhir_server.app import serving_app

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_stop_after, args=(parent,), daemon=True).start()
    return serving_app(settings, registry)


def _stop_after(parent: Any) -> None:
    """Stop when the parent was killed: else its workers would go on and keep the port."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _serve_one(settings: "Settings", registry: "Registry") -> None:
    import uvicorn

    class Announcing(uvicorn.Server):
        """Says the base URL when requests are answered."""

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                announce(settings)

    from dataclasses import replace

    config = _config(settings, registry)
    if settings.port == 0:
        listening = config.bind_socket()
        settings = replace(settings, port=listening.getsockname()[1])
        config = _config(settings, registry)
        server = Announcing(config)
        server.run(sockets=[listening])
    else:
        server = Announcing(config)
        server.run()
    if not server.started:
        sys.exit(2)


def _serve_many(settings: "Settings") -> None:
    from uvicorn.supervisors import Multiprocess

    config = _config(settings)
    listening = config.bind_socket()
    waiter = threading.Thread(target=_announce_when_ready, args=(settings,), daemon=True)
    waiter.start()
    Multiprocess(config, sockets=[listening]).run()


def _announce_when_ready(settings: "Settings") -> None:
    """Wait for the first worker."""
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104 # compared, not bound
    while True:
        connection = http.client.HTTPConnection(host, settings.port, timeout=5)
        try:
            connection.request("GET", "/healthz/live")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            announce(settings)
            return
        finally:
            connection.close()


def announce(settings: "Settings") -> None:
    """Print the base URL: whoever started the server may send requests now."""
    click.echo(settings.public_url)

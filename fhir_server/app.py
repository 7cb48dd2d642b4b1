"""Composition root: settings to stores, services and one ASGI callable. Nothing is decided here."""

import asyncio
import gc
import os
from collections.abc import Callable, MutableMapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from fhir_server.definitions import (
    PackageInfo,
    Progress,
    Registry,
    installed,
    load_registry,
    national_folders,
    shipped_folder,
)
from fhir_server.http import (
    MEDIA_TYPES,
    FhirHandler,
    HttpMetrics,
    HttpOptions,
    codecs,
    configure_logging,
    surroundings,
)
from fhir_server.interaction import (
    CodeExpander,
    DefinitionWatch,
    Dispatcher,
    InteractionOptions,
    JobOptions,
    Jobs,
    Knowledge,
    KnowledgeBase,
    Request,
    Response,
    SearchIndex,
    Services,
    random_id,
    utc_now,
)
from fhir_server.model import JsonLimits, LogicalId, Unavailable, decode_object
from fhir_server.operation import OPERATIONS
from fhir_server.search import IndexExtractor, PageTokens, QueryParser, SearchLimits, SearchQuery
from fhir_server.settings import Settings
from fhir_server.storage import ResourceStore, StoreHealth
from fhir_server.terminology import Terminology
from fhir_server.validation import ValidationOptions, Validator

BASE_PATH = "/fhir"
_DEMO = shipped_folder("examples/demo")
_SQLITE = "sqlite:///"
_log = structlog.get_logger("fhir_server")


class Application:
    """The ASGI application: the FHIR API below ``/fhir``, its surroundings elsewhere.

    Args:
        settings: All of them.
        registry: Definitions that are loaded already; None: they are loaded at the start.
        clock: Of every time that is stored.
        new_id: Source of logical ids.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        registry: Registry | None = None,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], LogicalId] = random_id,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._clock = clock
        self._new_id = new_id
        self._metrics = CollectorRegistry()
        self._http_metrics = HttpMetrics(self._metrics)
        self._store: ResourceStore | None = None
        self._jobs: Jobs | None = None
        self._fhir: FhirHandler | None = None
        self._site: Any = None
        self._problem = "starting"
        self._opening: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._installed: tuple[PackageInfo, ...] = ()
        self._watch: DefinitionWatch | None = None
        self._watching: asyncio.Task[None] | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path = scope.get("path", "")
        if (
            scope["type"] == "http"
            and self._fhir is not None
            and (path.startswith(_BELOW) or path == BASE_PATH)
        ):
            await self._fhir(scope, receive, send)
        else:
            await self._surroundings()(scope, receive, send)

    async def start(self) -> None:
        """Load the definitions, open the store, put stored definitions in force, load demo data.

        Where the database does not answer, requests are refused with 503 until it does.
        """
        self._installed = installed(packages_folder(self._settings))
        registry = self._registry = self._registry or registry_of(self._settings)
        try:
            await self._open(registry)
        except Unavailable as refusal:
            if refusal.issues[0].rule != "store-unavailable":
                raise
            self._note_problem(refusal)
            self._fhir = FhirHandler(
                _refuse, http_options(self._settings), self._http_metrics, codecs(registry.types)
            )
            self._opening = asyncio.create_task(self._open_in_time(registry))

    async def _open_in_time(self, registry: Registry) -> None:
        """Try to open the store until it answers."""
        while True:
            await asyncio.sleep(_RETRY_S)
            try:
                await self._open(registry)
            except Unavailable as refusal:
                self._note_problem(refusal)
            else:
                _log.info("store opened")
                return

    def _note_problem(self, refusal: Unavailable) -> None:
        problem = str(refusal.__cause__ or refusal.issues[0].text.en)
        if problem != self._problem:
            _log.error("store cannot be used, trying again", problem=problem)
        self._problem = problem

    async def _open(self, registry: Registry) -> None:
        knowledge = KnowledgeBase(registry, knowledge_builder(self._settings))
        store = await open_store(self._settings)
        try:
            services = await self._serve(store, knowledge, registry)
        except Unavailable:
            await store.close()
            raise
        self._store = store
        self._following = asyncio.create_task(knowledge.follow(store))
        self._watch = definition_watch(self._settings, services)
        if self._watch is not None:
            self._watching = asyncio.create_task(self._watch.run())

    async def _serve(
        self, store: ResourceStore, knowledge: KnowledgeBase, registry: Registry
    ) -> Services:
        for note in (await store.health()).notes:
            _log.warning("store", note=note)
        for warning in await knowledge.load(store):
            _log.warning("definition not active", rule=warning.rule, text=warning.text.en)
        services = await make_services(
            self._settings, store, knowledge, clock=self._clock, new_id=self._new_id
        )
        dispatcher = Dispatcher(services, OPERATIONS, MEDIA_TYPES)
        if self._settings.demo:
            await load_demo(dispatcher, store, self._settings.public_url)
        self._fhir = FhirHandler(
            dispatcher, http_options(self._settings), self._http_metrics, codecs(registry.types)
        )
        self._jobs = services.jobs
        self._jobs.open()
        await services.index.catch_up()
        return services

    async def stop(self) -> None:
        """Close the store."""
        for task in (self._opening, self._watching, self._following):
            while task is not None and not task.done():
                task.cancel()  # again where the database driver swallowed it while reconnecting
                await asyncio.wait([task], timeout=1)
        if self._jobs is not None:
            await self._jobs.close()
        if self._store is not None:
            await self._store.close()

    def _surroundings(self) -> Any:
        """Return the application around the FHIR API, made when it is first asked for."""
        if self._site is None:
            self._site = surroundings(
                self._health, self._metrics, self._settings.public_url, self._definitions
            )
        return self._site

    def _definitions(self) -> dict[str, object]:
        """Say which packages are installed, and how the last edit of a definition file went."""
        watch = self._watch
        return {
            "installed": [info.as_json() for info in self._installed],
            "watching": watch is not None,
            "reloads": 0 if watch is None else watch.state.reload_count,
            "problems": [] if watch is None else list(watch.state.problems),
        }

    async def _health(self) -> StoreHealth:
        if self._store is None:
            return StoreHealth(is_ready=False, description="not open", notes=(self._problem,))
        return await self._store.health()

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await self.start()
        _settle_memory()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _settle_memory() -> None:
    """Leave what the start made to itself and look for garbage less often.

    Requests make trees without circles, which go by themselves: the collector's visits took a
    twelfth of the CPU of a bundle of 500 entries, most of it on definitions that never change.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


_BELOW = f"{BASE_PATH}/"
_RETRY_S = 2.0


async def _refuse(_: Request) -> Response:
    refusal = Unavailable.of("store-unavailable")
    raise Unavailable(refusal.issues, {"Retry-After": f"{_RETRY_S:.0f}"})


def create_app(settings: Settings | None = None) -> Application:
    """Make the application; it starts when the ASGI server sends ``lifespan.startup``."""
    return Application(settings or Settings())


def serving_app(settings: Settings, registry: Registry | None = None) -> Application:
    """Make the application of a serving process, which also owns the process's log."""
    configure_logging(settings.log_level)
    return Application(settings, registry=registry)


async def open_store(settings: Settings, *, prepare: bool = True) -> ResourceStore:
    """Open the store that the settings name.

    Args:
        settings: All of them.
        prepare: Make indexes that are missing; else the store's health only names them.
    """
    if settings.store.startswith(_SQLITE):
        from fhir_server.storage.sqlite import open_sqlite

        path = settings.store.removeprefix(_SQLITE)
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        return await open_sqlite(path)
    from fhir_server.storage.mongodb import open_mongodb

    timeout_ms = int(settings.search.timeout_s * 1000)
    return await open_mongodb(settings.store, timeout_ms=timeout_ms, create_indexes=prepare)


def sharding_commands(url: str, zone: str | None) -> str:
    """Return what an administrator runs to shard the database of a connection string."""
    from fhir_server.storage.mongodb import database_name, shard_plan

    return shard_plan(database_name(url), zone)


def packages_folder(settings: Settings) -> Path:
    """Return the folder of the installed packages."""
    return Path(settings.definitions.packages)


def registry_of(settings: Settings, progress: Progress | None = None) -> Registry:
    """Load the release, the national package and the installed ones.

    Raises:
        PackageMissing: The release cannot be had.
        PackageRefused: An installed archive is damaged or hostile.
        DefinitionErrors: Definitions do not compile.
    """
    packages = [info.path for info in installed(packages_folder(settings))]
    return load_registry(installed=packages, progress=progress)


def definition_watch(settings: Settings, services: Services) -> DefinitionWatch | None:
    """Return what follows the files of the national package, where the settings want it."""
    chosen = settings.definitions.watch
    folders = national_folders()
    if not folders or chosen == "off" or (chosen == "auto" and not settings.demo):
        return None
    return DefinitionWatch(
        knowledge=services.knowledge,
        folders=folders,
        load=partial(registry_of, settings),
        catch_up=services.index.catch_up,
    )


def knowledge_builder(settings: Settings) -> Callable[[Registry], Knowledge]:
    """Return what makes knowledge of a registry, as strict as the settings say."""
    options = ValidationOptions(
        unknown_profile=settings.validation.unknown_profile, best_practice=None
    )
    limits = search_limits(settings)
    base_url, full_text = settings.public_url, settings.search.full_text

    def build(registry: Registry) -> Knowledge:
        terminology = Terminology(registry)
        return Knowledge(
            registry=registry,
            terminology=terminology,
            validator=Validator(registry, terminology, options),
            extractor=IndexExtractor(registry, base_urls=(base_url,), full_text=full_text),
            parser=QueryParser(
                registry, limits, expander=CodeExpander(terminology), full_text=full_text
            ),
        )

    return build


def search_limits(settings: Settings) -> SearchLimits:
    """Return the limits of searches."""
    return SearchLimits(
        default_count=settings.search.page_count,
        max_count=settings.search.max_page_count,
        max_included=settings.search.max_included,
        max_include_depth=settings.search.max_include_depth,
        max_chain_hops=settings.search.max_chain_hops,
    )


async def make_services(
    settings: Settings,
    store: ResourceStore,
    knowledge: KnowledgeBase,
    *,
    clock: Callable[[], datetime] = utc_now,
    new_id: Callable[[], LogicalId] = random_id,
) -> Services:
    """Put together what every interaction is handed.

    Raises:
        Unavailable: The store does not answer.
    """
    secret = settings.search.page_secret.encode() or await store.shared_key()
    jobs = Jobs(store.jobs, job_options(settings), clock)
    is_automatic = settings.search.reindex == "auto"
    index = SearchIndex(store, knowledge, jobs, clock, is_automatic=is_automatic)
    await index.settle()
    return Services(
        store=store,
        knowledge=knowledge,
        pages=PageTokens((secret,)),
        jobs=jobs,
        index=index,
        search_limits=search_limits(settings),
        options=InteractionOptions(
            validation_mode=settings.validation.mode,
            requires_national=settings.validation.required_profiles == "national",
            accepts_draft_definitions=settings.validation.definitions == "draft",
            max_transaction_entries=settings.bundle.max_transaction_entries,
            max_batch_entries=settings.bundle.max_batch_entries,
            max_conditional_deletes=settings.bundle.max_conditional_deletes,
            allows_expunge=settings.operations.expunge,
        ),
        clock=clock,
        new_id=new_id,
    )


def job_options(settings: Settings) -> JobOptions:
    """Return the limits of jobs."""
    return JobOptions(
        folder=Path(settings.jobs.folder),
        max_running=settings.jobs.max_running,
        max_waiting=settings.jobs.max_waiting,
        max_held_bytes=3 * settings.http.max_bundle_bytes,
        keep_s=settings.jobs.keep_s,
    )


def http_options(settings: Settings) -> HttpOptions:
    """Return the options of the FHIR handler."""
    http = settings.http
    return HttpOptions(
        base_url=settings.public_url,
        base_path=BASE_PATH,
        language=settings.language,
        resource_limits=JsonLimits(max_bytes=http.max_resource_bytes),
        bundle_limits=JsonLimits(max_bytes=http.max_bundle_bytes),
        body_timeout_s=http.body_timeout_s,
        compress_min_bytes=http.compress_min_bytes,
        max_concurrent_requests=http.max_concurrent_requests,
        cors_origins=http.cors_origins,
        is_access_logged=http.is_access_logged,
    )


async def load_demo(dispatcher: Dispatcher, store: ResourceStore, base_url: str) -> None:
    """Store the demo data where the store is empty; each file is a transaction.

    Raises:
        FhirError: The server refuses its own examples.
    """
    types = sorted({"Patient", "Organization", "Encounter"})
    page = await store.search(SearchQuery(resource_types=tuple(types), page_count=1))  # type: ignore[arg-type] # type names
    if page.matches:
        return
    limits = JsonLimits(max_bytes=20_000_000)
    for path in sorted(_DEMO.glob("*.json")):
        body = path.read_bytes()
        request = Request(
            method="POST",
            path="",
            resource=decode_object(body, limits),
            body=body,
            base_url=base_url,
        )
        await dispatcher(request)
        _log.info("demo data loaded", file=os.fspath(path.name))

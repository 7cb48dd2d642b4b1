"""Every option of the server; nothing else reads the environment.

Where a value comes from, the first that says something: flags of the command, the environment
(``FHIR_SERVER_…``, nested by ``__``, secrets also from the file named by ``…_FILE``),
``fhir-server.toml``, the default. All mistakes are told together.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

PREFIX = "FHIR_SERVER_"
DEFAULT_FILE = Path("fhir-server.toml")


def _option(default: Any, help_text: str, *, unit: str = "", is_secret: bool = False) -> Any:
    return field(
        default=default, metadata={"help": help_text, "unit": unit, "is_secret": is_secret}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """How requests are taken."""

    max_resource_bytes: int = _option(5_000_000, "Longest posted resource.", unit="bytes")
    max_bundle_bytes: int = _option(
        20_000_000, "Longest posted Bundle or operation input.", unit="bytes"
    )
    max_header_bytes: int = _option(32_768, "All headers of a request together.", unit="bytes")
    max_headers: int = _option(100, "Headers of a request.")
    header_timeout_s: float = _option(
        20.0, "Time until the headers of a request are there.", unit="seconds"
    )
    body_timeout_s: float = _option(
        30.0, "Time until the body of a request is there.", unit="seconds"
    )
    keep_alive_s: float = _option(30.0, "Time an idle connection is kept open.", unit="seconds")
    compress_min_bytes: int = _option(
        1024, "Answers from this length on are packed where the client takes gzip.", unit="bytes"
    )
    max_concurrent_requests: int = _option(
        1000, "More requests at the same time are answered with 503."
    )
    cors_origins: tuple[str, ...] = _option(
        ("*",), "Origins whose pages may call the API; * is every one."
    )
    is_access_logged: bool = _option(
        False, "Log each answer: method, status, time; no address, no content."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How much a search may ask for."""

    page_count: int = _option(20, "Matches a page where _count is not given.")
    max_page_count: int = _option(1000, "Largest _count; more is cut down to it.")
    max_included: int = _option(1000, "Resources that includes may add to a page.")
    max_include_depth: int = _option(5, "Rounds of :iterate.")
    max_chain_hops: int = _option(5, "Steps of a chain.")
    timeout_s: float = _option(5.0, "Time after which a search is given up.", unit="seconds")
    reindex: Literal["auto", "manual"] = _option(
        "auto",
        "Whether stored resources are indexed anew by itself where a search parameter is new or "
        "changed; manual: when $reindex is called.",
    )
    full_text: Literal["off", "narrative", "content"] = _option(
        "narrative", "What is indexed by words: off, narrative (_text) or content (_content too)."
    )
    page_secret: str = _option(
        "",
        "Seals the links to further pages; at least 32 characters. Empty: a random key that the "
        "store keeps, the same for all processes on it; links live as long as it does.",
        is_secret=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSettings:
    """How much a Bundle may hold."""

    max_transaction_entries: int = _option(1000, "Entries of one transaction.")
    max_batch_entries: int = _option(2000, "Entries of one batch.")
    max_conditional_deletes: int = _option(
        1, "Matches that one conditional delete may delete, all or none; 1: several are refused."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """Answers that come later: Prefer: respond-async, $export."""

    folder: str = _option(
        "data/jobs", "Where exported files are kept; all processes must see the same folder."
    )
    max_running: int = _option(2, "Jobs that one process works on at the same time.")
    max_waiting: int = _option(20, "Jobs that wait for their turn in one process; more get 503.")
    keep_s: float = _option(86_400.0, "Time results and files are kept.", unit="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSettings:
    """Operations that are not for everybody."""

    expunge: bool = _option(
        False,
        "Whether $expunge removes versions for good; who may call it is for the gateway to say.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionSettings:
    """Definitions beyond the store's own."""

    packages: str = _option(
        "data/packages", "Folder of the FHIR packages that `fhir-server package install` keeps."
    )
    watch: Literal["auto", "on", "off"] = _option(
        "auto",
        "Whether an edit below profiles/ or terminology/ takes effect at once; auto: with demo.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSettings:
    """How strict writes are."""

    mode: Literal["strict", "warn", "off"] = _option(
        "strict",
        "strict refuses what has errors, warn stores it and tells them, off does not look.",
    )
    required_profiles: Literal["claimed", "national"] = _option(
        "claimed",
        "claimed: base R4 and the profiles in meta.profile; national: also the national profiles "
        "of the type.",
    )
    definitions: Literal["draft", "strict"] = _option(
        "draft",
        "draft stores profiles, value sets and the like although they break rules of their own "
        "type, and tells it as warnings; strict refuses them like other resources.",
    )
    unknown_profile: Literal["error", "warning"] = _option(
        "error", "What it is when a resource claims a profile that is not here."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of them."""

    host: str = _option("127.0.0.1", "Address to listen on.")
    port: int = _option(8080, "Port to listen on; 0 takes a free one.")
    base_url: str = _option(
        "",
        "Address of the FHIR API in all links, such as https://fhir.example.org/fhir. Empty: made "
        "of host and port.",
    )
    workers: int = _option(1, "Processes that serve.")
    store: str = _option(
        "sqlite:///data/fhir.sqlite",
        "Where resources are kept: sqlite:///PATH, sqlite:///:memory: or mongodb://….",
    )
    demo: bool = _option(False, "Load the examples where the store is empty.")
    language: Literal["uk", "en"] = _option(
        "uk", "Language of messages for clients that do not say which they want."
    )
    log_level: Literal["debug", "info", "warning", "error"] = _option(
        "info", "What is logged at least."
    )
    http: HttpSettings = field(default_factory=HttpSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    bundle: BundleSettings = field(default_factory=BundleSettings)
    jobs: JobSettings = field(default_factory=JobSettings)
    operations: OperationSettings = field(default_factory=OperationSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    definitions: DefinitionSettings = field(default_factory=DefinitionSettings)

    @property
    def public_url(self) -> str:
        """The base URL of links, without trailing slash."""
        if self.base_url:
            return self.base_url.rstrip("/")
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 # compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/fhir"


class SettingsError(Exception):
    """Settings that cannot be used.

    Attributes:
        problems: Every mistake, one sentence each.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option as people see it.

    Attributes:
        name: Dotted, as in the file: ``http.max_headers``.
        type: Its Python type.
        default: Where nothing else says anything.
        help: One sentence.
        unit: Of numbers; "" where there is none.
        is_secret: Never shown; may come from a file named by ``…_FILE``.
    """

    name: str
    type: Any
    default: Any
    help: str
    unit: str
    is_secret: bool

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.replace(".", "__").upper()


def options(cls: type = Settings, prefix: str = "") -> Iterator[Option]:
    """Yield every option, sections depth first, in the order of the dataclasses."""
    hints = get_type_hints(cls)
    for one in fields(cls):
        kind = hints[one.name]
        name = f"{prefix}{one.name}"
        if is_dataclass(kind):
            yield from options(kind, f"{name}.")  # type: ignore[arg-type] # a class, not an instance
        else:
            yield Option(
                name=name,
                type=kind,
                default=one.default,
                help=one.metadata["help"],
                unit=one.metadata["unit"],
                is_secret=one.metadata["is_secret"],
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Settings with the origin of each: ``flag``, ``environment``, ``file`` or ``default``."""

    settings: Settings
    origins: Mapping[str, str]


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Loaded:
    """Read the settings.

    Args:
        flags: Values of the command's flags by dotted name; None is "not given".
        environ: Instead of the process's environment.
        file: Instead of ``fhir-server.toml`` in the working folder; must exist.

    Raises:
        SettingsError: Unknown names, values of the wrong kind, an unreadable file: all of them.
    """
    known = {option.name: option for option in options()}
    problems: list[str] = []
    values: dict[str, Any] = {}
    origins = dict.fromkeys(known, "default")
    layers = (
        ("file", _file_values(file, known, problems)),
        (
            "environment",
            _environment_values(os.environ if environ is None else environ, known, problems),
        ),
        ("flag", {name: value for name, value in (flags or {}).items() if value is not None}),
    )
    for origin, layer in layers:
        for name, raw in layer.items():
            try:
                values[name] = _value(known[name], raw)
                origins[name] = origin
            except ValueError as error:
                problems.append(f"{name} ({origin}): {error}")
    if not problems:
        settings = _build(Settings, values, "")
        problems += _contradictions(settings)
        if not problems:
            return Loaded(settings=settings, origins=origins)
    raise SettingsError(tuple(problems))


def _contradictions(settings: Settings) -> Iterator[str]:
    secret = settings.search.page_secret
    if secret and len(secret) < _MIN_SECRET_LENGTH:
        yield f"search.page_secret: {len(secret)} characters, {_MIN_SECRET_LENGTH} are needed"
    if settings.workers > 1 and settings.store.startswith("sqlite:///:memory:"):
        yield "store: :memory: belongs to one process, it needs workers = 1"
    if settings.workers > 1 and settings.port == 0:
        yield "port: 0 (any free port) needs workers = 1"
    if settings.base_url and not settings.base_url.startswith(("http://", "https://")):
        yield f"base_url: {settings.base_url!r} does not start with http:// or https://"
    if not settings.store.startswith(("sqlite:///", "mongodb://", "mongodb+srv://")):
        yield f"store: {settings.store!r} is neither sqlite:///PATH nor mongodb://…"


_MIN_SECRET_LENGTH = 32


def _file_values(
    file: Path | None, known: Mapping[str, Option], problems: list[str]
) -> dict[str, Any]:
    path = file or DEFAULT_FILE
    if file is None and not path.exists():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{path}: {error}")
        return {}
    values: dict[str, Any] = {}
    for name, value in _flattened(content, ""):
        if name in known:
            values[name] = value
        else:
            problems.append(f"{path}: unknown setting {name}{_nearest(name, known)}")
    return values


def _flattened(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _environment_values(
    environ: Mapping[str, str], known: Mapping[str, Option], problems: list[str]
) -> dict[str, Any]:
    by_variable = {option.variable: option for option in known.values()}
    values: dict[str, Any] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX):
            continue
        option = by_variable.get(variable)
        secret = by_variable.get(variable.removesuffix("_FILE"))
        if option is not None:
            values[option.name] = value
        elif secret is not None and secret.is_secret:
            try:
                values[secret.name] = Path(value).read_text(encoding="utf-8").strip()
            except OSError as error:
                problems.append(f"{variable}: {error}")
        else:
            problems.append(f"unknown variable {variable}{_nearest(variable, by_variable)}")
    return values


def _nearest(name: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _value(option: Option, raw: Any) -> Any:
    """Make a value of the option's type of what a layer says.

    Raises:
        ValueError: It is not one.
    """
    kind = option.type
    if get_origin(kind) is Literal:
        if raw not in get_args(kind):
            raise ValueError(f"{raw!r} is none of {', '.join(get_args(kind))}")
        return raw
    if get_origin(kind) is tuple:
        items = raw.split(",") if isinstance(raw, str) else raw
        return tuple(item.strip() for item in items if item.strip())
    if kind is bool:
        return _boolean(raw)
    if kind is str:
        if not isinstance(raw, str):
            raise ValueError(f"{raw!r} is no text")
        return raw
    return _number(kind, raw)


def _boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    try:
        return known[str(raw).lower()]
    except KeyError:
        raise ValueError(f"{raw!r} is neither true nor false") from None


def _number(kind: type[int] | type[float], raw: Any) -> int | float:
    if isinstance(raw, bool):
        raise ValueError(f"{raw!r} is no number")  # noqa: TRY004 # a wrong value like others
    try:
        number = kind(raw)
    except (TypeError, ValueError):
        raise ValueError(f"{raw!r} is no {'whole number' if kind is int else 'number'}") from None
    if number < 0:
        raise ValueError(f"{raw!r} is less than 0")
    return number


def _build(cls: type, values: Mapping[str, Any], prefix: str) -> Any:
    given: dict[str, Any] = {}
    for name, kind in get_type_hints(cls).items():
        if is_dataclass(kind):
            given[name] = _build(kind, values, f"{prefix}{name}.")  # type: ignore[arg-type] # a class
        elif f"{prefix}{name}" in values:
            given[name] = values[f"{prefix}{name}"]
    return cls(**given)


def value_of(settings: Settings, name: str) -> Any:
    """Return a value by its dotted name."""
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def settings_table() -> str:
    """Return the reference table of ``docs/settings.md``."""
    lines = [
        "| setting | environment | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for option in options():
        unit = f" ({option.unit})" if option.unit else ""
        lines.append(
            f"| `{option.name}` | `{option.variable}` | {_shown(option.default)} "
            f"| {_help(option)}{unit} |"
        )
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ", ".join(f"`{item}`" for item in default)
    return (
        f"`{str(default).lower() if isinstance(default, bool) else default}`"
        if default != ""
        else ""
    )


def _help(option: Option) -> str:
    return option.help.replace("|", "\\|")

import re
from pathlib import Path

import pytest

from fhir_server.settings import Settings, SettingsError, load_settings, options, settings_table

ROOT = Path(__file__).parents[2]


def load(flags=None, environ=None, file=None):
    return load_settings(flags or {}, environ or {}, file)


@pytest.fixture
def write(tmp_path):
    def make(text):
        path = tmp_path / "fhir-server.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return make


def test_defaults_hold_where_nothing_is_said() -> None:
    loaded = load()
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}


def test_flags_go_before_the_environment_before_the_file(write) -> None:
    file = write("port = 1\nhost = 'a'\n[http]\nmax_headers = 7")
    environ = {"FHIR_SERVER_PORT": "2", "FHIR_SERVER_HTTP__BODY_TIMEOUT_S": "2.5"}
    loaded = load({"port": 3, "host": None}, environ, file)
    assert (loaded.settings.port, loaded.settings.host) == (3, "a")
    assert loaded.settings.http.max_headers == 7
    assert loaded.settings.http.body_timeout_s == 2.5
    assert loaded.origins["port"] == "flag"
    assert loaded.origins["http.body_timeout_s"] == "environment"
    assert loaded.origins["host"] == "file"


def test_all_mistakes_are_told_together_with_the_nearest_name(write) -> None:
    file = write("prot = 1\n[http]\nmax_headers = 'many'")
    environ = {"FHIR_SERVER_HOTS": "x", "FHIR_SERVER_VALIDATION__MODE": "loose", "OTHER": "y"}
    with pytest.raises(SettingsError) as error:
        load({"port": -1}, environ, file)
    text = str(error.value)
    assert "unknown setting prot; did you mean port?" in text
    assert "unknown variable FHIR_SERVER_HOTS; did you mean FHIR_SERVER_HOST?" in text
    assert "http.max_headers (file): 'many' is no whole number" in text
    assert "validation.mode (environment): 'loose' is none of strict, warn, off" in text
    assert "port (flag): -1 is less than 0" in text
    assert len(error.value.problems) == 5


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"FHIR_SERVER_SEARCH__PAGE_SECRET": "short"}, "search.page_secret"),
        ({"FHIR_SERVER_BASE_URL": "fhir.example.org"}, "base_url"),
        ({"FHIR_SERVER_STORE": "postgres://x"}, "store"),
        ({"FHIR_SERVER_PORT": "0", "FHIR_SERVER_WORKERS": "2"}, "port"),
        ({"FHIR_SERVER_STORE": "sqlite:///:memory:", "FHIR_SERVER_WORKERS": "2"}, "store"),
        ({"FHIR_SERVER_DEMO": "maybe"}, "demo"),
        ({"FHIR_SERVER_PORT_FILE": "/nowhere"}, "FHIR_SERVER_PORT_FILE"),
        ({"FHIR_SERVER_SEARCH__PAGE_SECRET_FILE": "/nowhere"}, "PAGE_SECRET_FILE"),
    ],
)
def test_values_that_cannot_be_are_refused(environ, problem) -> None:
    with pytest.raises(SettingsError, match=problem):
        load(environ=environ)


@pytest.mark.parametrize("text", ["port = ", "port = true", "host = 1"])
def test_a_file_that_is_wrong_is_refused(write, text) -> None:
    with pytest.raises(SettingsError):
        load(file=write(text))


def test_a_secret_may_come_from_a_file(tmp_path) -> None:
    (tmp_path / "secret").write_text("x" * 40 + "\n")
    environ = {"FHIR_SERVER_SEARCH__PAGE_SECRET_FILE": str(tmp_path / "secret")}
    assert load(environ=environ).settings.search.page_secret == "x" * 40


def test_lists_are_split_at_commas_and_booleans_read(write) -> None:
    environ = {"FHIR_SERVER_HTTP__CORS_ORIGINS": "https://a, https://b", "FHIR_SERVER_DEMO": "yes"}
    settings = load(environ=environ).settings
    assert settings.http.cors_origins == ("https://a", "https://b")
    assert settings.demo is True
    assert load(file=write("[http]\ncors_origins = ['x']")).settings.http.cors_origins == ("x",)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (Settings(), "http://127.0.0.1:8080/fhir"),
        (Settings(host="0.0.0.0", port=1), "http://127.0.0.1:1/fhir"),  # noqa: S104 # nothing is bound
        (Settings(host="::1"), "http://[::1]:8080/fhir"),
        (Settings(base_url="https://x.ua/fhir/"), "https://x.ua/fhir"),
    ],
)
def test_the_public_url_is_configured_or_made_of_host_and_port(settings, url) -> None:
    assert settings.public_url == url


def test_the_reference_page_has_every_option_with_its_default() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert settings_table() in page
    assert len(re.findall(r"^\| `", page, re.MULTILINE)) == len(list(options()))

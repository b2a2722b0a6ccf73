"""Settings: every fault at once, secrets from outside the file only, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_connector.config import Purpose, Settings, Source, Vendor, load
from sync_connector.errors import FixSetup

SECRET = "hunter2-very-secret"
ENVIRONMENT = {"ARDARY_LOGIN": "me@x.fr", "ARDARY_PASSWORD": SECRET}
GOOD = """\
[vendor]
login = "${ARDARY_LOGIN}"
password = "${ARDARY_PASSWORD}"

[source]
path = "contacts.csv"
"""


def _load(folder: Path, text: str, environment: dict[str, str] | None = None, *, purpose: Purpose = "send") -> Settings:
    path = folder / "sync.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, ENVIRONMENT if environment is None else environment, purpose=purpose)


def _faults(folder: Path, text: str, environment: dict[str, str] | None = None, *, purpose: Purpose = "send") -> list[str]:
    with pytest.raises(FixSetup) as fault:
        _load(folder, text, environment, purpose=purpose)
    assert SECRET not in str(fault.value)
    return list(fault.value.faults)


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    """Login, password and path; everything else has its default, and paths are seen from the file's folder."""
    settings = _load(tmp_path, GOOD)
    assert settings.vendor.login == "me@x.fr"
    assert settings.vendor.password is not None
    assert settings.vendor.password.get_secret_value() == SECRET
    assert settings.vendor.dialect == "ardary"
    assert settings.vendor.batch_size == 100
    assert settings.source.path == str(tmp_path / "contacts.csv")
    assert settings.rules.on_invalid_email == "drop"
    assert settings.rules.shared_phone == "newest"
    assert (settings.brakes.gone, settings.brakes.changed, settings.brakes.rejected) == (0.2, 0.5, 0.5)
    assert settings.ledger.url.get_secret_value() == f"sqlite:///{tmp_path}/sync-ledger.db"


def test_secrets_show_themselves_nowhere(tmp_path: Path) -> None:
    """Neither repr nor str nor a dump holds the password or the ledger's."""
    text = GOOD + '[ledger]\nurl = "postgresql://u:${PG}@h/db"\n'
    settings = _load(tmp_path, text, {**ENVIRONMENT, "PG": "pg-" + SECRET})
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in shown
    assert settings.ledger.url.get_secret_value() == f"postgresql://u:pg-{SECRET}@h/db"


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    """Each fault has the file and its line; none hides another."""
    text = """\
[vendor]
login = "${NOBODY}"
password = "${ARDARY_PASSWORD}"
batch_size = 0
base_url = "http://example.com"
colour = "red"

[source]
path = "x.csv"
default_country = "France"
delimiter = ";;"

[rules]
shared_phone = "oldest"

[brakes]
gone = 20
"""
    faults = _faults(tmp_path, text)
    lines = {4: "batch_size", 5: "base_url", 6: "colour", 10: "default_country", 11: "delimiter", 14: "shared_phone", 17: "gone"}
    for line, what in lines.items():
        assert any(f"line {line}: " in fault and what in fault for fault in faults), what
    assert any("NOBODY" in fault for fault in faults)
    assert len(faults) == 8
    assert all("sync.toml" in fault for fault in faults)


@pytest.mark.parametrize(
    "password",
    ["plain", "a${ARDARY_PASSWORD}", "${ARDARY_PASSWORD}a", "${NOPE:-plain}", "${ARDARY_PASSWORD:-plain}", "$ARDARY_PASSWORD"],
)
def test_a_password_in_the_file_is_refused(tmp_path: Path, password: str) -> None:
    """In whole, in part or as a default: a secret does not belong in the file."""
    faults = _faults(tmp_path, GOOD.replace("${ARDARY_PASSWORD}", password))
    assert any("does not belong in this file" in fault for fault in faults)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h/db",
        "postgresql+psycopg://u:se$cret@h/db",
        "postgresql://u:x${PG}@h/db",
        "postgresql://h/db?user=u&password=secret",
        "mysql://u@h/db?passwd=secret",
        "${NOT_SET:-postgresql://u:secret@h/db}",
        "postgresql://u:${NOT_SET:-secret}@h/db",
    ],
)
def test_a_ledgers_password_in_the_file_is_refused(tmp_path: Path, url: str) -> None:
    """The ledger's address may come from the environment, whole or its password."""
    faults = _faults(tmp_path, GOOD + f'[ledger]\nurl = "{url}"\n', {**ENVIRONMENT, "PG": "x"})
    assert any("ledger.url" in fault and "does not belong in this file" in fault for fault in faults)
    assert not any("se$cret" in fault for fault in faults)


@pytest.mark.parametrize(
    "url",
    ["postgresql://h/db", "postgresql://u@h/db", "postgresql://u:${PG}@h/db", "${PG}", "sqlite:////x/y.db", "sqlite:///:memory:"],
)
def test_other_addresses_of_a_ledger_are_fine(tmp_path: Path, url: str) -> None:
    """What holds no password is no fault."""
    assert _load(tmp_path, GOOD + f'[ledger]\nurl = "{url}"\n', {**ENVIRONMENT, "PG": "sqlite:///x.db"}).ledger.url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "http://localhost:80@example.com",
        "HTTP://EXAMPLE.COM",
        "http://10.0.0.1",
        "ftp://example.com",
        "example.com",
        "https://",
        "https://u:hunter2-very-secret@example.com",
        "http://[::1",
        "https://a b",
        "https://a..é",
        "https://example.com:99999",
    ],
)
def test_an_address_that_would_show_the_password_is_refused(tmp_path: Path, url: str) -> None:
    """Only this machine is reached without TLS, and credentials are no part of an address."""
    assert any("base_url" in fault for fault in _faults(tmp_path, GOOD.replace("[vendor]", f'[vendor]\nbase_url = "{url}"')))


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:1", "https://example.com/api/"]
)
def test_a_safe_address_is_taken(tmp_path: Path, url: str) -> None:
    """TLS anywhere, without TLS this machine; a last slash goes."""
    settings = _load(tmp_path, GOOD.replace("[vendor]", f'[vendor]\nbase_url = "{url}"'))
    assert settings.vendor.base_url == url.rstrip("/")


def test_variables_and_their_defaults(tmp_path: Path) -> None:
    """`${NAME}` and `${NAME:-default}` work anywhere, several in one value; an empty variable is none."""
    text = GOOD.replace('"contacts.csv"', '"${FOLDER:-in}/${FILE:-a.csv}"').replace(
        "[vendor]", '[vendor]\nbase_url = "${URL:-https://a.b}"'
    )
    assert _load(tmp_path, text).source.path == str(tmp_path / "in/a.csv")
    assert _load(tmp_path, text, {**ENVIRONMENT, "FOLDER": "", "FILE": "b.csv"}).source.path == str(tmp_path / "in/b.csv")
    assert _load(tmp_path, text, {**ENVIRONMENT, "URL": "https://c.d"}).vendor.base_url == "https://c.d"


def test_a_missing_variable_is_named(tmp_path: Path) -> None:
    """Login and password are asked for by the names of their variables, the password only where it is needed."""
    assert [fault for fault in _faults(tmp_path, GOOD, {"ARDARY_LOGIN": "me"}) if "ARDARY_PASSWORD is not set" in fault]
    assert _load(tmp_path, GOOD, {"ARDARY_LOGIN": "me"}, purpose="look").vendor.login == "me"
    faults = _faults(tmp_path, GOOD, {})
    assert len(faults) == 2


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    """Login, password and path are needed, and the file says how to write them."""
    assert any("source.path" in fault for fault in _faults(tmp_path, "[vendor]\nlogin = 'x'\n"))
    faults = _faults(tmp_path, "[source]\npath = 'x'\n")
    assert any("vendor.login" in fault and "${ARDARY_LOGIN}" in fault for fault in faults)
    assert any("vendor.password" in fault and "file:" in fault for fault in faults)


def test_a_password_from_a_file(tmp_path: Path) -> None:
    """Its first line, without blanks, seen from the folder of the settings; a variable may name the file."""
    (tmp_path / "secret").write_text(f"  {SECRET} \nrest\n")
    text = GOOD.replace("${ARDARY_PASSWORD}", "file:secret")
    password = _load(tmp_path, text).vendor.password
    assert password is not None
    assert password.get_secret_value() == SECRET
    password = _load(tmp_path, text.replace("file:secret", f"file:{tmp_path}/secret")).vendor.password
    assert password is not None
    assert password.get_secret_value() == SECRET


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"\xff\xfe"])
def test_a_password_file_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty or no text: a sentence."""
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    assert any("vendor.password" in fault for fault in _faults(tmp_path, GOOD.replace("${ARDARY_PASSWORD}", "file:secret")))


@pytest.mark.parametrize(
    "text", ["[vendor", "vendor = 3\nsource = []", "", 'a = "b"', "[vendor]\npassword = 123456\n[source]\npath='x'\n"]
)
def test_a_file_of_another_shape_is_a_sentence(tmp_path: Path, text: str) -> None:
    """Nothing but `FixSetup` comes of a file that is not like ours."""
    assert _faults(tmp_path, text)


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    """A newcomer is told about `init`; a folder or bytes in place of the file are sentences."""
    with pytest.raises(FixSetup, match="sync-connector init"):
        load(tmp_path / "sync.toml", {})
    with pytest.raises(FixSetup):
        load(tmp_path, {})
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(FixSetup):
        load(tmp_path / "bytes.toml", {})


def test_standard_input_and_absolute_paths_stay_what_they_are(tmp_path: Path) -> None:
    """Only relative paths are seen from the file's folder; a mapping's path is one of them, its name is not."""
    assert _load(tmp_path, GOOD.replace("contacts.csv", "-")).source.path == "-"
    assert _load(tmp_path, GOOD.replace("contacts.csv", "/data/x.csv")).source.path == "/data/x.csv"
    assert _load(tmp_path, GOOD + 'mapping = "own.toml"\n').source.mapping == str(tmp_path / "own.toml")
    assert _load(tmp_path, GOOD + 'mapping = "hubspot"\n').source.mapping == "hubspot"


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r", "\0", "§", "a", "1", "", ";;"])
def test_what_cannot_separate_is_refused(delimiter: str) -> None:
    """A delimiter is one sign that a program can tell from cells, quotes and lines."""
    with pytest.raises(ValueError, match="delimiter"):
        Source(path="x", delimiter=delimiter)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":", "^", "~", " "])
def test_what_separates_is_taken(delimiter: str) -> None:
    """Any other ASCII sign is."""
    assert Source(path="x", delimiter=delimiter).delimiter == delimiter


@pytest.mark.parametrize(
    "setting",
    ["events]\nwindow = 1000000000000000000", "receive]\nkeep = 1000000", "receive]\ntimeout = inf", "vendor]\ntimeout = inf"],
)
def test_a_time_that_no_clock_can_count_is_refused(tmp_path: Path, setting: str) -> None:
    """A number of seconds or days that dates cannot be moved by is a sentence, not a traceback when it is first used."""
    (tmp_path / "sync.toml").write_text(f'[source]\npath = "x.csv"\n[{setting}\n')
    with pytest.raises(FixSetup, match=setting.split("\n")[1].split()[0]):
        load(tmp_path / "sync.toml", {})


def test_settings_are_frozen() -> None:
    """Nothing changes settings once they are read."""
    with pytest.raises(ValueError, match="frozen"):
        Vendor().login = "x"  # type: ignore[misc]


def test_a_callback_url_has_no_query_of_its_own(tmp_path: Path) -> None:
    """The vendor appends its parameter: an address with a ? or # would break every callback."""
    for url in ("https://x.example.com/a?b=1", "https://x.example.com/#a"):
        with pytest.raises(FixSetup, match=r"receive\.public_url: the vendor appends"):
            _load(tmp_path, f'[receive]\npublic_url = "{url}"\n', purpose="receive")


def test_numbers_in_callbacks_are_of_the_sources_country_unless_said_otherwise(tmp_path: Path) -> None:
    """`events.default_country` is the source's where it is not set; the source's stays as it is."""
    given = GOOD + 'default_country = "FR"\n'
    assert _load(tmp_path, given).events.default_country == "FR"
    settings = _load(tmp_path, given + '[events]\ndefault_country = "BE"\n')
    assert (settings.events.default_country, settings.source.default_country) == ("BE", "FR")

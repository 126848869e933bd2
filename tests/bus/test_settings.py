"""The settings and how a bad one is refused."""

from __future__ import annotations

import os
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from bus.errors import SettingsError
from bus.settings import GROUPS, MAX_IPC_PATH, Settings, find_pocketbase, is_loopback
from tests.bus.cases import BAD, GOOD, NEEDS

DEFAULTS = [
    ("base_port", 9000),
    ("port_range", 1000),
    ("user_dbs_path", Path("user_dbs").absolute()),
    ("api_host", "127.0.0.1"),
    ("api_port", 3000),
    ("api_token", None),
    ("health_interval", 30.0),
    ("start_timeout", 15.0),
    ("stop_timeout", 5.0),
    ("max_starting", 2 * (os.cpu_count() or 1)),
    ("on_exit", "stop"),
]
SECRETS = {each.metadata["name"] for each in fields(Settings) if each.metadata["secret"]}


@pytest.mark.parametrize(("attribute", "value"), DEFAULTS)
def test_a_setting_has_its_documented_default(attribute: str, value: object) -> None:
    """An empty environment gives what the contract says."""
    assert getattr(Settings.from_environ({}), attribute) == value


@pytest.mark.parametrize(("name", "text", "attribute", "value"), GOOD)
def test_a_good_value_is_taken(name: str, text: str, attribute: str, value: object) -> None:
    """A value within what the variable takes becomes the setting."""
    environ = {name: text} | NEEDS.get(name, {})
    assert getattr(Settings.from_environ(environ), attribute) == value


def test_one_half_of_a_login_is_refused() -> None:
    """An operator needs both an e-mail address and a password."""
    for name, text in (
        ("PB_SUPERUSER_EMAIL", "a@b.example"),
        ("PB_SUPERUSER_PASSWORD", "12345678"),
    ):
        with pytest.raises(SettingsError, match="set both or neither"):
            Settings.from_environ({name: text})


@pytest.mark.parametrize(
    ("name", "text"), BAD, ids=lambda text: text[:30].encode("ascii", "replace")
)
def test_a_bad_value_is_refused_in_one_line(name: str, text: str) -> None:
    """The refusal names the variable, the value, and what it takes."""
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environ({name: text})
    line = refusal.value.message
    shown = "(hidden)" if name in SECRETS else text
    assert line.startswith(f"{name}={shown!r}: takes ")
    assert line.partition(": takes ")[2]
    assert line.isprintable()


def test_every_variable_is_tested() -> None:
    """A new setting comes with a good and a bad value here."""
    names = {each.metadata["name"] for each in fields(Settings)}
    assert names == {name for name, *_ in GOOD}
    assert names == {name for name, _ in BAD}


@pytest.mark.parametrize("name", sorted(each.metadata["name"] for each in fields(Settings)))
def test_an_empty_variable_counts_as_not_set(name: str) -> None:
    """``NAME=`` in a unit file or a shell means the default."""
    assert Settings.from_environ({name: ""}) == Settings.from_environ({})


def test_a_stranger_is_let_in_only_with_a_token() -> None:
    """The API may listen beyond this machine once a token is set; the refusal tells the fix."""
    with pytest.raises(SettingsError, match=r"set PB_API_TOKEN, or PB_API_HOST=127\.0\.0\.1"):
        Settings.from_environ({"PB_API_HOST": "0.0.0.0"})
    opened = Settings.from_environ({"PB_API_HOST": "0.0.0.0", "PB_API_TOKEN": "secret"})
    assert opened.api_host == "0.0.0.0"


def test_a_range_must_end_below_the_last_port() -> None:
    """The base and the range are checked together."""
    Settings.from_environ({"PB_BASE_PORT": "65000", "PB_PORT_RANGE": "536"})
    with pytest.raises(SettingsError, match="PB_PORT_RANGE='537': takes at most 536 with PB_BASE_"):
        Settings.from_environ({"PB_BASE_PORT": "65000", "PB_PORT_RANGE": "537"})


def test_the_sockets_are_in_the_private_run_directory() -> None:
    """Without endpoints of their own they lie beside the databases."""
    settings = Settings.from_environ({"PB_USER_DBS_PATH": "/dbs"})
    assert settings.command_endpoint == "ipc:///dbs/.pblm/run/commands.sock"
    assert settings.event_endpoint == "ipc:///dbs/.pblm/run/events.sock"


def test_a_deep_directory_is_refused_with_the_way_out() -> None:
    """A default socket path that is too long for Unix names the variable that makes it shorter."""
    with pytest.raises(SettingsError, match=r"^PB_COMMAND_ENDPOINT=.*set a shorter one$"):
        Settings.from_environ({"PB_USER_DBS_PATH": "/" + "deep/" * 20})


def test_the_longest_unix_path_is_taken() -> None:
    """The limit is that of the system, to the byte."""
    endpoint = "ipc://" + "/tmp/".ljust(MAX_IPC_PATH, "x")
    assert Settings.from_environ({"PB_EVENT_ENDPOINT": endpoint}).event_endpoint == endpoint


def test_the_binary_beside_python_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PocketBase is found beside the running Python, then on PATH, then by its bare name."""
    beside, on_path = tmp_path / "venv", tmp_path / "path"
    for directory in (beside, on_path):
        directory.mkdir()
        (directory / "pocketbase").touch(mode=0o700)
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    monkeypatch.setenv("PATH", str(on_path))
    assert find_pocketbase() == str(beside / "pocketbase")
    (beside / "pocketbase").unlink()
    assert find_pocketbase() == str(on_path / "pocketbase")
    (on_path / "pocketbase").unlink()
    assert find_pocketbase() == "pocketbase"


def test_settings_do_not_change() -> None:
    """What was read at the start holds to the end."""
    settings = Settings()
    with pytest.raises(FrozenInstanceError):
        settings.api_port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.255.0.1", "::1", "[::1]", "localhost", "LOCALHOST"]
)
def test_loopback_is_known(host: str) -> None:
    """Every name of this machine only counts as loopback."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "*", "0.0.0.0", "::", "localhost.evil.org", "127.0.0.1.evil.org", "2130706433"]
)
def test_what_is_not_loopback_is_not(host: str) -> None:
    """A name that only looks like this machine does not pass."""
    assert not is_loopback(host)


def test_a_secret_is_not_shown() -> None:
    """What is logged of the settings has neither tokens nor passwords."""
    environ = {"PB_API_TOKEN": "sesame", "PB_SUPERUSER_PASSWORD": "open sesame"}
    settings = Settings.from_environ(environ | {"PB_SUPERUSER_EMAIL": "a@b.example"})
    assert {*environ} <= SECRETS
    assert "sesame" not in repr(settings)


def test_every_group_is_part_of_the_settings() -> None:
    """No group is forgotten in the list, or among the bases."""
    named = {each.name for group in GROUPS for each in fields(group)}
    assert named == {each.name for each in fields(Settings)}


@pytest.mark.parametrize(
    "other",
    [
        {"PB_SEEDS": "0"},
        {"PB_ISOLATION": "uid"},
        {"PB_MEMORY_LIMIT_MIB": "512"},
        {"PB_REPLICA_URL": "replicas"},
    ],
)
def test_what_does_not_go_with_spares_is_refused(other: dict[str, str]) -> None:
    """A spare begins as a seed, and keeps the uid and the limits that it was started with."""
    with pytest.raises(SettingsError, match="PB_SPARES='1': takes 0 with PB_"):
        Settings.from_environ({"PB_SPARES": "1", **other})


@pytest.mark.parametrize(
    ("name", "text"), [("PB_DOOR_HOST", "0.0.0.0"), ("PB_DOOR_CERTIFICATE", "/etc/door.pem")]
)
def test_the_built_in_door_is_for_this_machine(name: str, text: str) -> None:
    """Strangers need a door that stands more, and TLS one that has it."""
    assert Settings.from_environ({"PB_DOOR": "haproxy", name: text})
    with pytest.raises(SettingsError, match=f"{name}=.*PB_DOOR=builtin"):
        Settings.from_environ({"PB_DOOR": "builtin", name: text})

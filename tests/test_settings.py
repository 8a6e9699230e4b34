"""Where settings come from, which one wins, and how mistakes are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stepwell.app import Command, RemoteLambda
from stepwell.settings import SettingsError, described, is_loopback, load_settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings({}, {}, tmp_path)
    assert (settings.host, settings.port, settings.store) == ("127.0.0.1", 8083, "stepwell.db")


def test_a_variable_overrides_the_file_and_an_option_overrides_both(tmp_path: Path) -> None:
    (tmp_path / "stepwell.toml").write_text('port = 1111\nregion = "eu-west-1"\naccount = "111111111111"\n')
    environ = {"STEPWELL_PORT": "2222", "STEPWELL_REGION": "eu-north-1"}
    settings = load_settings(environ, {"port": 3333, "region": None}, tmp_path)
    assert (settings.port, settings.region, settings.account) == (3333, "eu-north-1", "111111111111")


def test_the_file_can_be_named_by_a_variable_and_by_an_option(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("port = 1")
    (tmp_path / "b.toml").write_text("port = 2")
    assert load_settings({"STEPWELL_CONFIG": "a.toml"}, {}, tmp_path).port == 1
    assert load_settings({"STEPWELL_CONFIG": "a.toml"}, {}, tmp_path, "b.toml").port == 2


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"STEPWELL_CONFIG names none\.toml, which is no file"):
        load_settings({"STEPWELL_CONFIG": "none.toml"}, {}, tmp_path)


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "stepwell.toml").write_text('store = "data/s.db"\nmock_config = "mocks.json"')
    settings = load_settings({"STEPWELL_CONFIG": "etc/stepwell.toml"}, {}, tmp_path)
    assert settings.store == str(tmp_path / "etc" / "data" / "s.db")
    assert settings.mock_config == str(tmp_path / "etc" / "mocks.json")


def test_a_url_in_a_file_stays_a_url(tmp_path: Path) -> None:
    (tmp_path / "stepwell.toml").write_text('store = "postgresql://db/stepwell"')
    assert load_settings({}, {}, tmp_path).store == "postgresql://db/stepwell"


def test_the_mocks_are_read_from_the_variable_of_step_functions_local_too(tmp_path: Path) -> None:
    assert load_settings({"SFN_MOCK_CONFIG": "aws.json"}, {}, tmp_path).mock_config == "aws.json"
    both = {"STEPWELL_MOCK_CONFIG": "ours.json", "SFN_MOCK_CONFIG": "aws.json"}
    assert load_settings(both, {}, tmp_path).mock_config == "ours.json"


def test_a_list_in_a_variable_is_separated_by_commas(tmp_path: Path) -> None:
    settings = load_settings({"STEPWELL_ALLOWED_HOSTS": "a.example, .b.example"}, {}, tmp_path)
    assert settings.allowed_hosts == ("a.example", ".b.example")


def test_an_unknown_key_is_refused_with_file_key_and_way_out(tmp_path: Path) -> None:
    (tmp_path / "stepwell.toml").write_text("prot = 8083")
    with pytest.raises(SettingsError, match=r"stepwell\.toml: prot: .*Did you mean port\?"):
        load_settings({}, {}, tmp_path)


def test_a_misspelt_variable_is_refused_and_a_foreign_one_is_not_ours(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"STEPWELL_PROT: .*Did you mean STEPWELL_PORT"):
        load_settings({"STEPWELL_PROT": "1"}, {}, tmp_path)
    load_settings({"STEPWELL_SERVICE_HOST": "10.0.0.1"}, {}, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = 99999", "port = 99999 cannot be used: it takes a whole number from 0 to 65535. Leave it out"),
        ('port = "8083"', "port = '8083' cannot be used: it takes a whole number"),
        ('log_level = "loud"', "log_level = 'loud' cannot be used: it takes debug, info, warning or error."),
        ('account = "42"', "account = '42' cannot be used: it takes 12 digits."),
        ("grace = -1", "grace = -1 cannot be used: it takes a number of seconds, at least 0."),
        ("port =", "is no valid TOML"),
    ],
)
def test_a_bad_value_is_refused_with_what_would_be_taken(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "stepwell.toml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_settings({}, {}, tmp_path)
    assert message in str(refused.value)
    assert "stepwell.toml" in str(refused.value)


def test_a_table_says_how_a_function_runs(tmp_path: Path) -> None:
    (tmp_path / "stepwell.toml").write_text(
        '[functions.Report]\ncommand = ["java", "-jar", "report.jar"]\nfolder = "report"\ntimeout = 30\n'
        '[functions.Bill]\nlambda = "arn:aws:lambda:eu-west-1:111122223333:function:bill"\n'
    )
    report, bill = load_settings({}, {}, tmp_path).functions.values()
    assert report.code() == Command(("java", "-jar", "report.jar"), str(tmp_path / "report"))
    assert report.timeout == 30
    assert bill.code() == RemoteLambda("arn:aws:lambda:eu-west-1:111122223333:function:bill")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('url = "localhost:9000"', r"url 'localhost:9000': write it as http://HOST:PORT"),
        ('url = "http://h"\ncommand = ["ls"]', "only one of command, url, lambda can say what runs"),
        ("command = []", "the program, then its arguments"),
        ('comand = ["ls"]', "unknown field `comand`"),
        ("timeout = 0", r"functions\[...\]\.timeout"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_without_telling_what_else_it_holds(
    tmp_path: Path, table: str, message: str
) -> None:
    (tmp_path / "stepwell.toml").write_text(f'[functions.Report]\n{table}\nenvironment = {{ PLACE = "elsewhere" }}\n')
    with pytest.raises(SettingsError, match=message) as refused:
        load_settings({}, {}, tmp_path)
    assert "stepwell.toml: functions: " in str(refused.value)
    assert "elsewhere" not in str(refused.value)


def test_a_bad_variable_is_refused_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^STEPWELL_PORT = 'tcp://10\.0\.0\.1:80' cannot be used"):
        load_settings({"STEPWELL_PORT": "tcp://10.0.0.1:80"}, {}, tmp_path)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.com"])
def test_an_address_that_others_reach_is_refused_unless_that_is_said_by_name(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="allow_unauthenticated = true"):
        load_settings({}, {"host": host}, tmp_path)
    allowed = load_settings({"STEPWELL_ALLOW_UNAUTHENTICATED": "1"}, {"host": host}, tmp_path)
    assert allowed.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_addresses_are_known(host: str) -> None:
    assert is_loopback(host)


def test_the_page_lists_every_setting_with_its_variable_default_and_meaning() -> None:
    rows = [
        f"| `{name}` | `STEPWELL_{name.upper()}` | {takes} | {f'`{default}`' if default else ''} | {meaning} |"
        for name, takes, default, meaning in described()
    ]
    listed = [line for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| `[a-z_]+` \| `STEPWELL_", line)]
    assert listed == rows

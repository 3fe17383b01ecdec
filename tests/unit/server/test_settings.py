from pathlib import Path

import pytest

from server.settings import Settings, SettingsError, load_settings

pytestmark = pytest.mark.unit


def toml(folder: Path, text: str) -> Path:
    path = folder / "starling.toml"
    path.write_text(text)
    return path


def problems(
    command_line: dict | None = None, config: Path | None = None, environment: dict | None = None
) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load_settings(command_line or {}, config, environment or {})
    assert str(refused.value) == "; ".join(refused.value.problems)
    return refused.value.problems


def test_nothing_given_is_the_defaults():
    assert load_settings({}, None, {"PATH": "/bin", "STARLINGS": "7"}) == Settings()


def test_later_sources_win(tmp_path):
    config = toml(tmp_path, "port = 1001\nmax_sessions = 11\nhost = '0.0.0.0'\nworkers = 3\n")
    environment = {"STARLING_PORT": "1002", "STARLING_MAX_SESSIONS": "12", "STARLING_OFFLINE": "1"}
    settings = load_settings({"port": 1003, "model": None}, config, environment)
    assert (settings.port, settings.max_sessions, settings.workers) == (1003, 12, 3)
    assert (settings.host, settings.offline, settings.model) == ("0.0.0.0", True, None)
    assert settings.idle_timeout_s == Settings().idle_timeout_s


def test_all_problems_are_told_at_once(tmp_path):
    config = toml(tmp_path, "prot = 1\nmax_batch = 0\n[limits]\nx = 1\n")
    told = problems({"port": 70_000}, config, {"STARLING_DEVICE": "tpu", "STARLING_COLOUR": "red"})
    assert len(told) == 6
    joined = "\n".join(told)
    assert "prot: no such setting; see docs/configuration.md" in told
    assert "colour: no such setting; see docs/configuration.md" in told
    assert "limits: no such setting; see docs/configuration.md" in told
    for name in ("max_batch: ", "port: ", "device: "):
        assert name in joined


def test_variables_of_the_clients_are_no_settings():
    environment = {"STARLING_API_KEY": "secret", "STARLING_URL": "ws://elsewhere"}
    assert load_settings({}, None, environment) == Settings()


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"port = ", "not valid TOML"), (b"host = '\xff'", "not UTF-8"), (None, "No such file")],
)
def test_a_config_file_that_cannot_be_read_is_told_by_name(tmp_path, content, told):
    path = tmp_path / "starling.toml"
    if content is not None:
        path.write_bytes(content)
    (problem,) = problems(config=path)
    assert problem.startswith(f"{path}: ")
    assert told in problem


def test_without_keys_there_are_none():
    assert Settings().read_api_keys() == ()


def test_keys_come_from_the_variable_and_the_file(tmp_path):
    path = tmp_path / "keys"
    path.write_text("# clients\n\n  alpha  \n#beta\ngamma\n")
    environment = {"STARLING_API_KEYS": "hush, two,,", "STARLING_API_KEYS_FILE": str(path)}
    settings = load_settings({}, None, environment)
    assert settings.read_api_keys() == ("hush", "two", "alpha", "gamma")
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"# none\n\n", "holds no key"), (b"\xff\xfe", "not UTF-8"), (None, "No such file")],
)
def test_a_keys_file_without_keys_does_not_let_everybody_in(tmp_path, content, told):
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        Settings(api_keys_file=path).read_api_keys()
    (problem,) = refused.value.problems
    assert problem.startswith("api_keys_file: ")
    assert told in problem


def test_settings_reach_sessions_in_their_units():
    settings = Settings(
        idle_timeout_s=7, max_session_s=8, max_lead_s=9, max_backlog_s=1.5, endpoint_silence_ms=300
    )
    limits = settings.session_limits()
    assert (limits.idle_timeout_s, limits.max_session_s, limits.max_lead_s) == (7, 8, 9)
    assert limits.max_backlog_samples == 24_000
    assert settings.default_options().endpoint_silence_ms == 300


def test_default_options_are_within_what_clients_may_choose():
    settings = Settings()
    options, limits = settings.default_options(), settings.option_limits()
    assert (
        limits.min_endpoint_silence_ms
        <= options.endpoint_silence_ms
        <= limits.max_endpoint_silence_ms
    )
    assert limits.min_utterance_s <= options.max_utterance_s <= limits.max_utterance_s

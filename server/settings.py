"""Every setting of the server, read once at the start.

Sources, later ones win: defaults, TOML file, `STARLING_…` environment variables, command line.
`docs/configuration.md` is generated from the descriptions here.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from streaming.options import TARGET_RATE_HZ, OptionLimits, SessionOptions
from streaming.session_limits import SessionLimits

ENV_PREFIX = "STARLING_"
DEFAULT_GRPC_PORT = 50051

NOT_SETTINGS = frozenset({"api_key", "url", "config"})
"""Variables that share the prefix: the clients' and the path of the TOML file itself."""


class Settings(BaseModel):
    """Names are the TOML keys; upper-cased behind `STARLING_` they are the variables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port of page, API and WebSockets.")
    grpc: bool = Field(default=True, description="Serve gRPC too; `off` opens no port for it.")
    grpc_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port of gRPC; 0 takes a free one. Default: 50051, or a free one if `port` is "
        "0.",
    )
    grpc_tls_cert: Path | None = Field(
        None, description="PEM file with gRPC's certificate chain; without it gRPC is plain text."
    )
    grpc_tls_key: Path | None = Field(
        None, description="PEM file with the private key of `grpc_tls_cert`, unencrypted."
    )
    grpc_tls_client_ca: Path | None = Field(
        None,
        description="PEM file with the authorities whose certificates gRPC clients must show "
        "(mutual TLS).",
    )
    grpc_max_message_bytes: int = Field(
        32 * 1024 * 1024,
        ge=1024,
        description="Largest gRPC message, in bytes: the file of a `Transcribe` call.",
    )
    grpc_keepalive_s: float = Field(
        20.0, ge=1, description="Silence after which a gRPC client is pinged."
    )
    grpc_keepalive_timeout_s: float = Field(
        20.0, ge=1, description="Time for a gRPC client to answer a ping, or it counts as gone."
    )
    redis_url: SecretStr | None = Field(
        None,
        description="Redis that replicas share: `redis://`, `rediss://`, `redis+sentinel://"
        "HOST:PORT,…/SERVICE` or `redis+cluster://HOST:PORT,…`; `rediss` for TLS, with "
        "`?ssl_ca_certs=FILE`. Default: sessions are kept in this process and end with it.",
    )
    replica_name: str | None = Field(
        None, max_length=64, description="Name among replicas. Default: a random one."
    )
    session_ttl_s: float = Field(
        3600.0,
        ge=60,
        description="How long a session is kept after its last word: a lost client may resume it, "
        "and its transcript can be fetched.",
    )
    tenant_max_sessions: int | None = Field(
        None,
        ge=1,
        description="Sessions that one API key may have open, over all replicas. Default: any "
        "number.",
    )
    max_viewers: int = Field(
        2000,
        ge=0,
        description="Viewers of live sessions connected at once; more are refused with a retry "
        "hint.",
    )
    max_share_s: float = Field(
        24 * 3600.0, ge=60, description="Longest life of a share for viewers, in seconds."
    )
    drain_timeout_s: float = Field(
        15.0,
        gt=0,
        description="How long sessions may take to finish, or to move to another replica, when "
        "the server is told to stop.",
    )
    model: str | None = Field(
        None,
        description="Whisper model: a name, a Hugging Face id or a folder. Default: `base` on a "
        "CPU, `large-v3-turbo` on a GPU.",
    )
    interim_model: str | None = Field(
        None,
        description="A smaller model for interims alone, such as `tiny.en` beside `base`; what "
        "stays comes from `model`.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where the model runs; `auto` takes a GPU when there is one."
    )
    compute_type: str | None = Field(
        None, description="CTranslate2 compute type. Default: `int8` on a CPU, `float16` on a GPU."
    )
    workers: int | None = Field(
        None, ge=1, le=64, description="Batches that run at once. Default: CPU cores; 2 on a GPU."
    )
    max_batch: int | None = Field(
        None,
        ge=1,
        le=128,
        description="Rows per batch, on a CPU fewer where windows are long, and of interims "
        "at most 4. Default: 4 on a CPU (on Linux 2 on Intel's with AVX512 and VNNI, 8 on AMD's), "
        "32 on a GPU.",
    )
    final_beam: int = Field(
        3, ge=1, le=10, description="Beam width of finals; 1 is quicker and less exact."
    )
    cache_dir: Path | None = Field(
        None, description="Where models are kept. Default: `starling` in the user's cache folder."
    )
    offline: bool = Field(default=False, description="Never fetch models; use what is cached.")
    api_keys: SecretStr | None = Field(
        None, description="Keys that clients must show, separated by commas."
    )
    api_keys_file: Path | None = Field(
        None, description="File with one key a line; empty lines and `#` lines are skipped."
    )
    max_sessions: int = Field(
        100, ge=1, description="Sessions open at once; more are refused with a retry hint."
    )
    max_message_bytes: int = Field(
        1024 * 1024, ge=1024, description="Largest binary message, in bytes."
    )
    max_text_bytes: int = Field(64 * 1024, ge=1024, description="Largest text message, in bytes.")
    start_timeout_s: float = Field(
        10.0, gt=0, description="Time for a client to send `start` or audio."
    )
    idle_timeout_s: float = Field(
        60.0, gt=0, description="A session that sends nothing for so long is ended."
    )
    deepgram_idle_timeout_s: float = Field(
        10.0,
        gt=0,
        description="The same for Deepgram clients, which send KeepAlive while there is no audio.",
    )
    max_session_s: float = Field(4 * 3600.0, gt=0, description="Longest session.")
    max_lead_s: float = Field(
        4 * 3600.0, gt=0, description="How far audio may run ahead of the wall clock."
    )
    max_backlog_s: float = Field(
        10.0, gt=0, description="Unprocessed audio of a session at which the server stops reading."
    )
    max_files: int = Field(
        8, ge=1, description="Files transcribed at once; more are refused with a retry hint."
    )
    max_file_bytes: int = Field(
        1024 * 1024 * 1024,
        ge=1024,
        description="Largest file, in bytes; it waits on disk (`TMPDIR`), not in memory.",
    )
    max_file_s: float = Field(4 * 3600.0, gt=0, description="Longest file, in seconds of audio.")
    endpoint_silence_ms: int = Field(
        950,
        ge=100,
        le=5000,
        description="Default silence after speech that ends an utterance.",
    )
    max_utterance_s: float = Field(28.0, ge=2.0, le=28.0, description="Default longest utterance.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log lines to write."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`auto` is JSON unless standard error is a terminal."
    )

    def chosen_grpc_port(self) -> int:
        """Return the port of gRPC; 0 for any."""
        if self.grpc_port is not None:
            return self.grpc_port
        return DEFAULT_GRPC_PORT if self.port else 0

    def session_limits(self) -> SessionLimits:
        """Return the bounds on one session."""
        return SessionLimits(
            idle_timeout_s=self.idle_timeout_s,
            max_session_s=self.max_session_s,
            max_lead_s=self.max_lead_s,
            max_backlog_samples=int(self.max_backlog_s * TARGET_RATE_HZ),
        )

    def option_limits(self) -> OptionLimits:
        """Return the bounds on what a client may choose."""
        return OptionLimits()

    def default_options(self) -> SessionOptions:
        """Return what a session gets that names nothing."""
        return SessionOptions(
            endpoint_silence_ms=self.endpoint_silence_ms, max_utterance_s=self.max_utterance_s
        )

    def read_api_keys(self) -> tuple[str, ...]:
        """Return the keys of variable and file; none means that everybody is let in.

        Raises:
            SettingsError: The file cannot be read or holds no key.
        """
        keys = self.api_keys.get_secret_value().split(",") if self.api_keys else []
        if self.api_keys_file is not None:
            try:
                lines = self.api_keys_file.read_text(encoding="utf-8").splitlines()
            except OSError as error:
                raise SettingsError([f"api_keys_file: {error.strerror}"]) from None
            except UnicodeDecodeError:
                raise SettingsError(["api_keys_file: the file is not UTF-8 text"]) from None
            found = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
            if not found:
                raise SettingsError(["api_keys_file: the file holds no key"])
            keys += found
        return tuple(key.strip() for key in keys if key.strip())


class SettingsError(Exception):
    """All problems of the configuration at once, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def load_settings(
    command_line: Mapping[str, Any], config: Path | None, environment: Mapping[str, str]
) -> Settings:
    """Return the settings from all sources.

    Args:
        command_line: Settings given as options; None values were not given.
        config: TOML file to read, if any.
        environment: The process environment.

    Raises:
        SettingsError: Unknown keys, bad values or an unreadable file; all of them.
    """
    values: dict[str, Any] = {}
    if config is not None:
        try:
            values |= tomllib.loads(config.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError([f"{config}: {error.strerror}"]) from None
        except UnicodeDecodeError:
            raise SettingsError([f"{config}: the file is not UTF-8 text"]) from None
        except tomllib.TOMLDecodeError as error:
            raise SettingsError([f"{config}: not valid TOML: {error}"]) from None
    values |= {
        name.removeprefix(ENV_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENV_PREFIX) and name.removeprefix(ENV_PREFIX).lower() not in NOT_SETTINGS
    }
    values |= {name: value for name, value in command_line.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError([_describe(problem) for problem in error.errors()]) from None


def _describe(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{name}: no such setting; see docs/configuration.md"
    return f"{name}: {problem['msg']}"

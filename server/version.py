"""Which Starling this is."""

from importlib import metadata

DISTRIBUTION = "starling-stt"


def version() -> str:
    """Return the installed version; a bare checkout on the path has none of its own."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "0+checkout"

"""Certificates for localhost, made anew for each test."""

import subprocess
from pathlib import Path


def self_signed(folder: Path, name: str = "own") -> Path:
    """Write NAME.pem and NAME.key into a folder; return the certificate."""
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        f"-addext subjectAltName=DNS:localhost -keyout {name}.key -out {name}.pem".split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / f"{name}.pem"

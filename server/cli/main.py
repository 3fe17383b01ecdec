"""The `starling` command and its subcommands."""

from typing import Annotated

import typer

from server.cli.demo import demo
from server.cli.eval import evaluate
from server.cli.loadtest import loadtest
from server.cli.mic import mic
from server.cli.models import app as models_app
from server.cli.serve import serve
from server.cli.transcribe import transcribe
from server.version import version

app = typer.Typer(
    name="starling",
    help="Streaming speech-to-text: run a server, or caption a file, a microphone, a demo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"starling {version()}")
        raise typer.Exit


@app.callback()
def _starling(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Streaming speech-to-text: run a server, or caption a file, a microphone, a demo."""


app.command("serve")(serve)
app.command("transcribe")(transcribe)
app.command("mic")(mic)
app.command("demo")(demo)
app.command("eval")(evaluate)
app.command("loadtest")(loadtest)
app.add_typer(models_app, name="models")

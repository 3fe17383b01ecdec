"""Writes the generated parts of `docs/`: `make docs`. A test fails when they are stale.

Generated parts of Markdown files stand between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server.dialects import deepgram_fields, openai_files, openai_realtime_fields
from server.dialects import native_messages as wire
from server.dialects.compatibility import CompatibilityPage, render
from server.metrics import Metrics
from server.settings import ENV_PREFIX, Settings
from server.wire_status import WIRE_STATUS
from streaming.errors import RETRYABLE

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA_FILE = "protocol.schema.json"
_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

CLIENT_MESSAGES: tuple[type[BaseModel], ...] = (
    wire.Start,
    wire.Resume,
    wire.Finalize,
    wire.Update,
    wire.Ping,
    wire.Stop,
)
COMPATIBILITY_PAGES: tuple[CompatibilityPage, ...] = (
    deepgram_fields.PAGE,
    openai_files.PAGE,
    openai_realtime_fields.PAGE,
)
SERVER_MESSAGES: tuple[type[BaseModel], ...] = (
    wire.Ready,
    wire.Resumed,
    wire.SpeechStarted,
    wire.Interim,
    wire.Final,
    wire.UtteranceEnded,
    wire.Finalized,
    wire.Updated,
    wire.Pong,
    wire.Ack,
    wire.GoingAway,
    wire.WarningMessage,
    wire.Error,
    wire.Closed,
)


def generated_files(docs: Path) -> dict[Path, str]:
    """Return what every file with generated parts should hold."""
    files = {docs / SCHEMA_FILE: protocol_schema()}
    files |= {docs / "compat" / page.file_name: render(page) for page in COMPATIBILITY_PAGES}
    for path in sorted(docs.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        files[path] = _PART.sub(lambda m: f"{m[1]}{PARTS[m[2]]()}\n{m[3]}", text)
    return files


def protocol_schema() -> str:
    """Return the JSON Schema of all messages."""
    models = [(model, "serialization") for model in SERVER_MESSAGES]
    models += [(model, "validation") for model in CLIENT_MESSAGES]
    _, definitions = models_json_schema(models, title="Starling native protocol")  # type: ignore[arg-type]
    definitions["oneOf"] = [
        {"$ref": f"#/$defs/{model.__name__}"} for model in (*CLIENT_MESSAGES, *SERVER_MESSAGES)
    ]
    return json.dumps(definitions, indent=2, sort_keys=True) + "\n"


def _message_tables(models: tuple[type[BaseModel], ...]) -> str:
    return "\n\n".join(_message_table(model) for model in models)


def _message_table(model: type[BaseModel]) -> str:
    kind = model.model_fields["type"].default
    rows = [
        f"| `{name}` | {_type_name(field.annotation)} | {field.description or ''} |"
        for name, field in model.model_fields.items()
        if name not in ("type", "seq")
    ]
    table = ["| field | type | meaning |", "|---|---|---|", *rows] if rows else []
    doc = (model.__doc__ or "").strip()
    return "\n".join([f"#### `{kind}`", "", doc, *(["", *table] if table else [])])


def _type_name(annotation: Any) -> str:
    text = str(annotation) if not isinstance(annotation, type) else annotation.__name__
    text = text.replace("typing.", "").replace("server.dialects.native_messages.", "")
    text = re.sub(
        r"Literal\[([^\]]*)\]", lambda m: m[1].replace("'", "`").replace(",", " or"), text
    )
    names = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
    text = re.sub(r"\b(str|int|float|bool)\b", lambda m: names[m[1]], text)
    text = re.sub(r"Optional\[(.*)\]", r"\1 | None", text)
    return text.replace(" | None", ", may be left out").replace("|", "\\|")


def _error_table() -> str:
    rows = [
        f"| `{code.value}` | {status.meaning} | {'yes' if code in RETRYABLE else 'no'} "
        f"| {status.websocket} "
        f"| {status.http} | {status.grpc} |"
        for code, status in WIRE_STATUS.items()
    ]
    head = [
        "| code | meaning | retryable | WebSocket close | HTTP | gRPC |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join(head + rows)


def _settings_table() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        rows.append(
            f"| `{name}` | `{ENV_PREFIX}{name.upper()}` | {default} | {field.description} |"
        )
    head = ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    return "\n".join(head + rows)


def _metrics_table() -> str:
    rows = [
        f"| `{metric.name}{'_total' if metric.type == 'counter' else ''}` | {metric.type} "
        f"| {metric.documentation} |"
        for metric in Metrics().registry.collect()
    ]
    return "\n".join(["| metric | kind | meaning |", "|---|---|---|", *rows])


PARTS: dict[str, Callable[[], str]] = {
    "client-messages": lambda: _message_tables(CLIENT_MESSAGES),
    "server-messages": lambda: _message_tables(SERVER_MESSAGES),
    "word": lambda: "\n".join(
        ["| field | type | meaning |", "|---|---|---|"]
        + [
            f"| `{name}` | {_type_name(field.annotation)} | {field.description or ''} |"
            for name, field in wire.WireWord.model_fields.items()
        ]
    ),
    "errors": _error_table,
    "settings": _settings_table,
    "metrics": _metrics_table,
}


def main() -> None:
    """Write every file whose generated parts have changed."""
    for path, text in generated_files(DOCS).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")  # it is a command


if __name__ == "__main__":
    main()

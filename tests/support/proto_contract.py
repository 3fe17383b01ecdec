"""What `proto/` promises, and the Python made from it: `make proto` writes both anew.

A promise is a name with its number and type: once written to `tests/golden/proto/v1.json` it may
only be joined by others. `make proto` refuses to write a change that breaks one.
"""

import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)
from grpc_tools import protoc

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto"
GENERATED = ROOT / "generated"
CONTRACT = ROOT / "tests" / "golden" / "proto" / "v1.json"
_TYPES = FieldDescriptorProto.Type
_LABELS = FieldDescriptorProto.Label


def sources() -> list[str]:
    """Return the proto files, as imports name them."""
    return sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))


def generate(folder: Path) -> dict[str, bytes]:
    """Generate the Python into a folder and return it, by path."""
    outputs = [f"--{kind}={folder}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
    _run(*outputs)
    return files_below(folder)


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the generated files of a folder."""
    paths = [path for path in folder.rglob("*.py*") if path.suffix in (".py", ".pyi")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def promises() -> dict[str, str]:
    """Return every name in `proto/` with what clients rely on."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "descriptors"
        _run(f"--descriptor_set_out={path}")
        files = FileDescriptorSet.FromString(path.read_bytes()).file
    found: dict[str, str] = {}
    for file in files:
        for message in file.message_type:
            found |= dict(_message_promises(f"{file.package}.{message.name}", message))
        for enum in file.enum_type:
            found |= dict(_enum_promises(f"{file.package}.{enum.name}", enum))
        for service in file.service:
            for method in service.method:
                streams = f"{method.client_streaming:d}{method.server_streaming:d}"
                name = f"{file.package}.{service.name}/{method.name}"
                found[name] = f"{method.input_type} {method.output_type} {streams}"
    return found


def _message_promises(name: str, message: DescriptorProto) -> Iterable[tuple[str, str]]:
    yield name, "message"
    for field in message.field:
        oneof = ""
        if field.HasField("oneof_index") and not field.proto3_optional:
            oneof = message.oneof_decl[field.oneof_index].name
        words = (
            str(field.number),
            _LABELS.Name(field.label),
            _TYPES.Name(field.type),
            field.type_name,
            "optional" if field.proto3_optional else "",
            oneof,
        )
        yield f"{name}.{field.name}", " ".join(filter(None, words))
    for nested in message.nested_type:
        yield from _message_promises(f"{name}.{nested.name}", nested)
    for enum in message.enum_type:
        yield from _enum_promises(f"{name}.{enum.name}", enum)


def _enum_promises(name: str, enum: EnumDescriptorProto) -> Iterable[tuple[str, str]]:
    yield name, "enum"
    for value in enum.value:
        yield f"{name}.{value.name}", str(value.number)


def broken(promised: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return what was promised and is not kept, a line each."""
    return [
        f"{name}: {was!r} became {found.get(name, 'nothing')!r}"
        for name, was in promised.items()
        if found.get(name) != was
    ]


def read_contract() -> dict[str, str]:
    return json.loads(CONTRACT.read_text(encoding="utf-8")) if CONTRACT.exists() else {}


def _run(*options: str) -> None:
    status = protoc.main(["protoc", f"-I{PROTO}", *options, *sources()])
    if status:
        raise SystemExit(status)


def main() -> None:
    found = promises()
    if problems := broken(read_contract(), found):
        print("This breaks clients; bring it back, or begin a v2:", *problems, sep="\n  ")
        sys.exit(1)
    CONTRACT.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    generate(GENERATED)


if __name__ == "__main__":
    main()

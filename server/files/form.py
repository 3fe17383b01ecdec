"""A file inside a multipart form: fields to memory, the file to disk."""

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import BinaryIO

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from server.files.upload import check_file_size
from streaming.errors import ErrorCode, StarlingError

MAX_FIELDS = 200
MAX_FIELD_BYTES = 64 * 1024
_HEAD_BYTES = 64 * 1024
"""What a form adds to its file: boundaries, headers, fields."""


@dataclass(frozen=True, slots=True)
class FileForm:
    """The named fields of a form, each with all its values, and its file if there is one."""

    fields: dict[str, list[str]]
    file: BinaryIO | None
    form: FormData

    async def close(self) -> None:
        """Delete the temporary file."""
        await self.form.close()


async def receive_form(
    headers: Headers, chunks: AsyncIterable[bytes], max_bytes: int, file_field: str
) -> FileForm:
    """Read a form to its end; a file larger than 1 MiB is on disk by then.

    Raises:
        StarlingError: INVALID_MESSAGE for what is no form, FILE_TOO_LARGE.
    """
    if not headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise StarlingError(
            ErrorCode.INVALID_MESSAGE,
            "the body is no multipart form",
            "send multipart/form-data with the file in its field `file`",
        )
    parser = MultiPartParser(
        headers,
        _limited(chunks, max_bytes + _HEAD_BYTES, max_bytes),
        max_files=1,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError, ValueError):
        raise StarlingError(
            ErrorCode.INVALID_MESSAGE,
            "the multipart form cannot be read",
            f"send one file and at most {MAX_FIELDS} fields of {MAX_FIELD_BYTES} bytes",
        ) from None
    fields: dict[str, list[str]] = {}
    file: BinaryIO | None = None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            file = value.file if name == file_field else file
        else:
            fields.setdefault(name, []).append(value)
    return FileForm(fields, file, form)


async def _limited(
    chunks: AsyncIterable[bytes], most: int, max_bytes: int
) -> AsyncGenerator[bytes, None]:
    num_bytes = 0
    async for chunk in chunks:
        num_bytes += len(chunk)
        if num_bytes > most:
            check_file_size(num_bytes, max_bytes)
        yield chunk

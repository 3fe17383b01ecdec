"""A file on its way in: from the socket to a temporary file on disk, never into memory.

The whole file is there before it is decoded: MP4 keeps its index at either end, and options may
follow the file in a form. The temporary file has no name and is gone when it is closed.
"""

import tempfile
from collections.abc import AsyncIterable
from typing import BinaryIO

from streaming.errors import ErrorCode, StarlingError


async def receive_file(chunks: AsyncIterable[bytes], max_bytes: int) -> BinaryIO:
    """Return the file that the chunks make, at its beginning; the caller closes it.

    Raises:
        StarlingError: FILE_TOO_LARGE.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 # handed to the caller
    num_bytes = 0
    try:
        async for chunk in chunks:
            num_bytes += len(chunk)
            check_file_size(num_bytes, max_bytes)
            # Goes to the page cache: microseconds for a chunk of a socket.
            file.write(chunk)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def check_file_size(num_bytes: int, max_bytes: int) -> None:
    """Let a file of this size pass.

    Raises:
        StarlingError: FILE_TOO_LARGE.
    """
    if num_bytes > max_bytes:
        raise StarlingError(
            ErrorCode.FILE_TOO_LARGE,
            f"the file is larger than max_file_bytes={max_bytes}",
            "send it compressed or in parts, or ask the operator to raise max_file_bytes",
        )

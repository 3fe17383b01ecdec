import asyncio

import pytest
from starlette.requests import ClientDisconnect

from server.files.connected import while_connected

pytestmark = pytest.mark.unit


async def stays() -> dict[str, str]:
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}


async def leaves() -> dict[str, str]:
    return {"type": "http.disconnect"}


async def test_work_is_done_while_the_client_stays():
    async def work() -> int:
        return 7

    assert await while_connected(stays, work()) == 7


async def test_work_is_cancelled_when_the_client_leaves():
    was_cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_cancelled.set()
            raise

    with pytest.raises(ClientDisconnect):
        await while_connected(leaves, work())
    assert was_cancelled.is_set()


async def test_a_failure_of_the_work_is_passed_on():
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await while_connected(stays, work())

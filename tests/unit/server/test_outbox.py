import asyncio

import pytest

from server.outbox import MAX_MESSAGES, Gate, Outbox, Outgoing
from streaming.errors import ErrorCode, StarlingError

pytestmark = pytest.mark.unit


def filled(*messages: Outgoing) -> Outbox:
    outbox = Outbox()
    for message in messages:
        outbox.put(message)
    outbox.end()
    return outbox


async def everything(outbox: Outbox) -> list[str]:
    taken = []
    while (data := await outbox.get()) is not None:
        taken.append(data)
    return taken


async def test_messages_come_out_in_order_and_then_the_end():
    outbox = filled(Outgoing("a"), Outgoing("b"), Outgoing("a"))
    assert await everything(outbox) == ["a", "b", "a"]
    assert await outbox.get() is None


async def test_a_newer_interim_replaces_the_queued_one_and_takes_its_own_place():
    outbox = filled(
        Outgoing("i1", "interim 0"), Outgoing("final"), Outgoing("i2", "interim 0"), Outgoing("end")
    )
    assert await everything(outbox) == ["final", "i2", "end"]


async def test_interims_of_other_channels_stay():
    outbox = filled(
        Outgoing("a1", "interim 0"), Outgoing("b1", "interim 1"), Outgoing("a2", "interim 0")
    )
    assert await everything(outbox) == ["b1", "a2"]


async def test_an_interim_that_was_taken_is_not_replaced():
    outbox = Outbox()
    outbox.put(Outgoing("i1", "interim 0"))
    assert await outbox.get() == "i1"
    outbox.put(Outgoing("i2", "interim 0"))
    assert await outbox.get() == "i2"


async def test_a_reader_waits_for_the_next_message():
    outbox = Outbox()
    reading = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    assert not reading.done()
    outbox.put(Outgoing("a"))
    assert await reading == "a"


async def test_a_waiting_reader_is_told_of_the_end():
    outbox = Outbox()
    reading = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    outbox.end()
    assert await reading is None


async def test_a_client_that_reads_nothing_is_told_when_the_box_is_full():
    outbox = Outbox()
    for number in range(MAX_MESSAGES):
        outbox.put(Outgoing(str(number)))
    with pytest.raises(StarlingError) as full:
        outbox.put(Outgoing("one more"))
    assert full.value.code is ErrorCode.SLOW_CONSUMER
    assert full.value.hint
    assert await outbox.get() == "0"
    outbox.put(Outgoing("fits again"))


async def test_a_full_box_still_takes_newer_interims():
    outbox = Outbox()
    outbox.put(Outgoing("i1", "interim 0"))
    for number in range(MAX_MESSAGES - 1):
        outbox.put(Outgoing(str(number)))
    outbox.put(Outgoing("i2", "interim 0"))
    outbox.end()
    taken = await everything(outbox)
    assert (len(taken), taken[-1]) == (MAX_MESSAGES, "i2")


class Store:
    """Says whether what a message waits for is written: True, False, or None for never mind."""

    def __init__(self) -> None:
        self.state: bool | None = False

    def gate(self, *, is_promise: bool = False) -> Gate:
        return Gate(lambda: self.state, is_promise=is_promise)


async def test_a_message_and_all_behind_it_wait_at_its_gate():
    store, outbox = Store(), Outbox()
    outbox.put(Outgoing("before"))
    outbox.put(Outgoing("final"), store.gate())
    outbox.put(Outgoing("interim", "interim 0"))
    assert await outbox.get() == "before"
    waiting = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    store.state = True
    outbox.look_again()
    assert await waiting == "final"
    assert await outbox.get() == "interim"


async def test_when_nobody_waits_any_longer_promises_are_left_out():
    store, outbox = Store(), Outbox()
    outbox.put(Outgoing("final"), store.gate())
    outbox.put(Outgoing("ack"), store.gate(is_promise=True))
    outbox.put(Outgoing("next"))
    outbox.end()
    store.state = None
    assert await everything(outbox) == ["final", "next"]


async def test_a_promise_that_is_kept_is_told():
    store, outbox = Store(), Outbox()
    store.state = True
    outbox.put(Outgoing("ack"), store.gate(is_promise=True))
    outbox.end()
    assert await everything(outbox) == ["ack"]

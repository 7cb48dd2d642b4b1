"""A random history of writes, by several clients at once, reads the same through every interaction.

Spec: https://hl7.org/fhir/R4/http.html
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.client import FhirClient, running
from tests.support.mongo_store import database_url, empty_store
from tests.support.random_writer import RandomWriter
from tests.support.write_model import WriteModel

ROUNDS = 30
AT_ONCE = (1, 1, 2, 5)


async def write_and_compare(server: AbstractAsyncContextManager[FhirClient], seed: int) -> None:
    random = Random(seed)  # noqa: S311 # chance, no secret
    model = WriteModel()
    async with server as client:
        writer = RandomWriter(client, model, random)
        for number in range(ROUNDS):
            if random.random() < 0.7:
                client.clock.advance(milliseconds=random.choice((1, 999, 60_000)))
            writes = [writer.write() for _ in range(random.choice(AT_ONCE))]
            done = await asyncio.gather(*(write() for write in writes))
            model.take(effect for effects in done for effect in effects)
            if number in {ROUNDS // 2, ROUNDS - 1}:
                await model.compare(client)


@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(seed=st.integers(0, 2**32))
def test_sqlite_gives_back_what_was_written(seed: int) -> None:
    asyncio.run(write_and_compare(running(), seed))


@settings(max_examples=3, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(seed=st.integers(0, 2**32))
def test_mongodb_gives_back_what_was_written(mongodb_url: str, seed: int) -> None:
    async def run() -> None:
        await (await empty_store(mongodb_url)).close()
        await write_and_compare(running(store=database_url(mongodb_url)), seed)

    asyncio.run(run())

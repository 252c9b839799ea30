import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.serving import session
from kws.serving.catalog import Catalog
from kws.serving.samples import SampleFormat
from kws.serving.session import Session, SpotterPool
from kws.serving.tuning import Tuning

PCM16 = SampleFormat(16000, 2, 1)


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(1) as loader:
        yield SpotterPool(loader)


def listen(pool, choices, samples, sizes, sample_format=PCM16):
    """Names and milliseconds of ends, of bytes in pieces of some sizes, over and over."""

    async def run():
        stream = await Session.start(pool, choices, sample_format)
        data, found, number = samples.tobytes(), [], 0
        while data:
            size = sizes[number % len(sizes)]
            found += [one async for one in stream.push(data[:size])]
            data, number = data[size:], number + 1
        found += [one async for one in stream.finish()]
        stream.close()
        stream.close()
        return [(one.name, round(1000 * one.detection.end)) for one in found]

    return asyncio.run(run())


def test_a_session_hears_what_the_library_hears(pool, spoken, expected):
    offer = Catalog(["commands"], Tuning()).offer()
    choices, _ = offer.choose(None)
    for sizes in ([10**7], [2560], [1, 999, 4096, 31]):
        assert listen(pool, choices, spoken, sizes) == expected


def test_several_models_are_heard_as_each_alone(pool, spoken, expected, heard_by):
    offer = Catalog(["commands", "words"], Tuning({}, {"words:no": 0.8})).offer()
    choices, _ = offer.choose(None)
    found = listen(pool, choices, spoken, [3001])
    alone = heard_by(spoken, KeywordSpotter.default("words"))
    names = {word.keyword: word.name for word in offer.words if word.model.name == "words"}
    of_words = [(names[word], end) for word, end in alone]
    assert sorted(found) == sorted(expected + of_words)


def test_only_what_was_asked_for_under_the_name_that_was_asked_for(pool, spoken, expected):
    offer = Catalog(["commands"], Tuning()).offer()
    choices, _ = offer.choose(["commands:yes", "stop"])
    wanted = {"yes": "commands:yes", "stop": "stop"}
    assert listen(pool, choices, spoken, [5000]) == [
        (wanted[word], end) for word, end in expected if word in wanted
    ]


def test_a_longer_refractory_period_of_one_word(pool, spoken, expected):
    twice = np.concatenate([spoken, spoken])
    period = 1000 * len(spoken) // 16000
    tuning = Tuning(refractory={"yes": 60.0})
    choices, _ = Catalog(["commands"], tuning).offer().choose(["yes", "no"])
    found = listen(pool, choices, twice, [10**7])
    assert [word for word, _ in found].count("yes") == 1
    noes = [end for word, end in found if word == "no"]
    assert len(noes) == 2
    assert noes[1] - noes[0] == pytest.approx(period, abs=80)


def test_spotters_are_used_again_and_few_are_kept(pool, monkeypatch):
    model = Catalog(["commands"], Tuning()).offer().models
    monkeypatch.setattr(session, "MOST_KEPT", 2)

    async def run():
        first = await pool.take(model, 16000)
        pool.give_back(model, first)
        assert await pool.take(model, 16000) is first
        pool.give_back(model, first)
        for rate in (8000, 48000):
            pool.give_back(model, await pool.take(model, rate))
        assert await pool.take(model, 16000) is not first

    asyncio.run(run())


def test_what_is_kept_is_counted_in_models(pool, monkeypatch):
    """A client that asks for one set of models after the other leaves no memory behind."""
    both = Catalog(["commands", "words"], Tuning()).offer().models
    monkeypatch.setattr(session, "MOST_KEPT", 2)

    async def run():
        one, two = await pool.take(both[:1], 16000), await pool.take(both, 16000)
        pool.give_back(both[:1], one)
        pool.give_back(both, two)
        assert await pool.take(both[:1], 16000) is not one
        assert await pool.take(both, 16000) is two

        monkeypatch.setattr(session, "MOST_KEPT", 1)
        pool.give_back(both, two)
        assert await pool.take(both, 16000) is two, "the latest is kept, be it a large one"

    asyncio.run(run())

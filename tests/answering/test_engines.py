"""Engines: a server gives the answers of this process, and the log keeps them when it stops answering."""

from dataclasses import replace

import pytest
from steered import spread_circuit

from neuroswitch.answering import (
    AnswerLog,
    AnswerSettings,
    Decoding,
    Endpoint,
    ServerEngine,
    TransformersEngine,
)
from neuroswitch.chat import ChatFormat
from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.integrations import ServeOptions
from neuroswitch.integrations.serving import named_scalings
from neuroswitch.prompts import Prompt
from openai_server import serving_tiny
from sets import prompts
from tiny import tiny_llama, tiny_tokenizer

ASKED = prompts("tell me", ("cat", "dog", "sea", "house", "night"))


def settings(**more):
    return AnswerSettings(decoding=Decoding(max_new_tokens=4), **more)


@pytest.fixture(scope="module")
def model():
    return tiny_llama(initializer_range=0.3)


@pytest.fixture(scope="module")
def scalings(model):
    return named_scalings({"talk": spread_circuit(model, 20)}, ServeOptions(multipliers=(-2.0, 0.0)))


def endpoint(url, **changes):
    return Endpoint(
        **{"url": url, "model": "base", "attempts": 2, "pause": 0.01, "concurrency": 3, **changes}
    )


def log(path):
    return AnswerLog(path, {"condition": "x"}, lambda one: {"length": len(one.text)})


def test_a_server_gives_the_answers_of_this_process_under_every_name(model, scalings, tmp_path):
    here = TransformersEngine(model)
    with serving_tiny(model, scalings) as server:
        there = ServerEngine(endpoint(server.url), scalings)
        for name, intervention in {"base": None, **scalings}.items():
            expected = here.answer(ASKED, intervention, settings(log=log(tmp_path / f"{name} here")))
            steps = []
            report = lambda stage, done, total: steps.append((done, total))  # noqa: B023, E731
            found = there.answer(ASKED, intervention, settings(log=log(tmp_path / name), progress=report))
            assert found == expected
            assert steps == [(done, 5) for done in range(1, 6)]
            rows = [log(tmp_path / one).rows() for one in (name, f"{name} here")]
            assert [sorted(one, key=str) for one in rows][0] == sorted(rows[1], key=str)
    assert {name for name, _ in server.answered} == {"base", *scalings}
    assert here.has(None) and there.has(None) and there.has(scalings["talk@0"])


def test_answers_before_a_server_stops_are_kept_and_only_the_others_are_asked_again(model, tmp_path):
    kept = log(tmp_path / "rows")
    with serving_tiny(model, {}, dies_after=3) as dying:
        engine = ServerEngine(endpoint(dying.url), {})
        with pytest.raises(Prerequisite, match=r"failed 2 times in a row(.|\n)*run the same command again"):
            engine.answer(ASKED, how=settings(log=kept))
    before = kept.completions()
    assert len(before) == len(dying.answered) == 3
    with serving_tiny(model, {}) as server:
        ServerEngine(endpoint(server.url), {}).answer(ASKED, how=settings(log=kept))
    assert len(server.answered) == 2
    assert before.items() <= kept.completions().items()
    assert len(kept.rows()) == 5


@pytest.mark.parametrize("template", [True, False])
def test_chat_settings_and_base_models_reach_the_server(template, model):
    if not template:
        model = replace(model, tokenizer=tiny_tokenizer(template=None))
    chat = ChatFormat(system="be good") if template else ChatFormat()
    with serving_tiny(model, {}) as server:
        there = ServerEngine(endpoint(server.url), {}, templated=template)
        found = there.answer(ASKED, how=settings(chat=chat))
    assert found == TransformersEngine(model).answer(ASKED, how=settings(chat=chat))
    if template:
        doubled = Prompt.of([{"role": "system", "content": "x"}, {"role": "user", "content": "y"}])
        with pytest.raises(BadPrompts, match="two system prompts"):
            there.answer([doubled], how=settings(chat=chat))


def test_an_intervention_that_the_server_does_not_have_is_refused(model, scalings):
    engine = ServerEngine(endpoint("http://127.0.0.1:9/v1"), {"talk@0": scalings["talk@0"]})
    assert not engine.has(scalings["talk@-2"])
    with pytest.raises(Prerequisite, match=r"the server does not have(.|\n)*talk@0"):
        engine.answer(ASKED, scalings["talk@-2"])

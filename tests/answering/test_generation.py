"""Batched greedy decoding gives what decoding one prompt at a time without a cache gives."""

from pathlib import Path

import pytest

from naive import naive_answer
from neuroswitch.answering import generation
from neuroswitch.answering.completions import AnswerLog
from neuroswitch.answering.generation import STAGE, Decoding, end_tokens, generate, generate_tokens
from neuroswitch.chat import encode
from neuroswitch.errors import BadOption, BadPrompts, BadRun
from neuroswitch.prompts import Prompt
from neuroswitch.records import Completion
from neuroswitch.storage import append_jsonl, read_jsonl
from sets import prompts
from tiny import tiny_llama, tiny_model

ASKED = prompts("tell me")


@pytest.mark.parametrize("name", ["llama", "gpt2", "opt", "gemma2", "bloom", "mixtral", "bamba"])
@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_batches_prefixes_and_stages_change_nothing(
    name: str, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "STAGE", 4)
    model = tiny_model(name)
    ids = [encode(model.tokenizer, prompt) for prompt in ASKED]
    found = generate_tokens(model, ids, Decoding(max_new_tokens=11, batch_size=batch_size))
    assert found == [naive_answer(model, row, 11, end_tokens(model)) for row in ids]


@pytest.mark.parametrize("name", ["rwkv", "recurrent_gemma", "xlstm", "openai-gpt", "deepseek_v4"])
def test_kinds_without_a_usual_cache_are_answered_alike(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "STAGE", 4)
    model = tiny_model(name)
    ids = [[5, 6, 7, 8, 9, 10, 11], [20, 21], [33, 34, 35], [40, 41]]
    found = generate_tokens(model, ids, Decoding(max_new_tokens=9, batch_size=4))
    assert found == [naive_answer(model, row, 9, end_tokens(model)) for row in ids]


def test_finished_sequences_leave_the_batch_and_end_with_their_end_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generation, "STAGE", 2)
    model = tiny_llama()
    ids = [encode(model.tokenizer, prompt) for prompt in ASKED]
    free = generate_tokens(model, ids, Decoding(max_new_tokens=9))
    stop = free[2][3]  # make a token that some answers reach early an end-of-turn token
    model.module.generation_config.eos_token_id = stop
    ends = end_tokens(model)
    found = generate_tokens(model, ids, Decoding(max_new_tokens=9))
    assert found == [naive_answer(model, row, 9, ends) for row in ids]
    assert any(len(row) < 9 for row in found)
    completions = generate(model, ASKED, decoding=Decoding(max_new_tokens=9))
    assert [one.finish for one in completions] == ["stop" if row[-1] in ends else "length" for row in found]


def test_results_come_in_the_given_order() -> None:
    model = tiny_llama()
    completions = generate(model, ASKED, decoding=Decoding(max_new_tokens=3, batch_size=2))
    assert [one.prompt_id for one in completions] == [prompt.id for prompt in ASKED]


def test_texts_are_prompts_and_ids_are_unique() -> None:
    model, decoding = tiny_llama(), Decoding(max_new_tokens=3)
    texts = [prompt.text for prompt in ASKED]
    assert generate(model, texts, decoding=decoding) == generate(
        model, [Prompt.of(text) for text in texts], decoding=decoding
    )
    assert generate(model, texts[0], decoding=decoding) == generate(model, texts[:1], decoding=decoding)
    assert generate(model, ASKED[0], decoding=decoding) == generate(model, iter(texts[:1]), decoding=decoding)
    with pytest.raises(BadPrompts, match="two prompts have the id"):
        generate(model, [ASKED[0], texts[1], texts[1]], decoding=decoding)
    with pytest.raises(BadPrompts, match="two prompts have the id 'one'"):
        generate(model, [Prompt.of("a", id="one"), Prompt.of("b", id="one")], decoding=decoding)


def test_what_is_no_prompt_and_no_model_of_ours_is_refused_with_the_way_to_make_one() -> None:
    for odd in (7, None, {"role": "user", "content": "tell me"}, [{"role": "user", "content": "tell me"}]):
        with pytest.raises(BadPrompts, match=r"(?s)neither a text nor a prompt.*Prompt\.of"):
            generate(tiny_llama(), [odd])  # type: ignore[list-item]
    with pytest.raises(BadOption, match=r"(?s)LlamaForCausalLM.*load_model\(module, tokenizer\)"):
        generate(tiny_llama().module, ["tell me"])  # type: ignore[arg-type]


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, decoding = tiny_llama(), Decoding(max_new_tokens=5, batch_size=3)

    def log(name: str) -> AnswerLog:
        return AnswerLog(tmp_path / name, {"condition": "baseline"}, lambda completion: {"label": None})

    whole = generate(model, ASKED, decoding=decoding, log=log("whole"))
    batches: list[int] = []

    def interrupt(stage: str, done: int, total: int) -> None:
        batches.append(done)
        if len(batches) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(model, ASKED, decoding=decoding, log=log("cut"), progress=interrupt)
    kept = list(read_jsonl(tmp_path / "cut"))
    assert len(kept) == 6
    with (tmp_path / "cut").open("ab") as file:
        file.write(b'{"condition": "base')  # what a kill in the middle of a write leaves
    decoded: list[int] = []
    original = generation._decode
    monkeypatch.setattr(
        generation,
        "_decode",
        lambda *arguments, **named: decoded.append(len(arguments[2])) or original(*arguments, **named),
    )
    again = generate(model, ASKED, decoding=decoding, log=log("cut"))
    assert again == whole
    assert decoded == [2]  # finished batches are not computed again
    assert (tmp_path / "cut").read_bytes() == (tmp_path / "whole").read_bytes()


def test_conditions_in_one_file_are_kept_apart(tmp_path: Path) -> None:
    one, other = (AnswerLog(tmp_path / "r", {"condition": name}, lambda c: {}) for name in ("a", "b"))
    one.append([Completion("p", "prompt", "text", 1, "stop")])
    assert list(one.completions()) == ["p"]
    assert other.completions() == {}
    append_jsonl(tmp_path / "r", [{"condition": "b", "prompt_id": "q"}])
    with pytest.raises(BadRun, match="not an answer"):
        other.completions()


def test_an_answer_counts_for_the_prompt_it_was_given_to_and_once(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path / "r", {}, lambda c: {})
    model, decoding = tiny_llama(), Decoding(max_new_tokens=2)
    generate(model, [Prompt.of("tell me a story", id="p")], decoding=decoding, log=log)
    with pytest.raises(BadRun, match="another prompt of the same id"):
        generate(model, [Prompt.of("sing me a song", id="p")], decoding=decoding, log=log)
    log.append([Completion("p", "tell me a story", "another answer", 1, "stop")])
    with pytest.raises(BadRun, match="two answers to one prompt"):
        log.completions()


def test_memory_errors_halve_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    ids = [encode(model.tokenizer, prompt) for prompt in ASKED]
    expected = generate_tokens(model, ids, Decoding(max_new_tokens=3))
    original = generation._decode

    def small(model_, ids_, batch, **rest):  # type: ignore[no-untyped-def]
        if len(batch) > 2:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")
        return original(model_, ids_, batch, **rest)

    monkeypatch.setattr(generation, "_decode", small)
    assert generate_tokens(model, ids, Decoding(max_new_tokens=3)) == expected


def test_settled_answers_are_broken_off_and_the_others_do_not_notice(tmp_path: Path) -> None:
    model = tiny_llama()
    decoding = Decoding(max_new_tokens=40, batch_size=4)
    whole = generate(model, ASKED, decoding=decoding)
    settled = {one.prompt for one in whole[::2]}
    log = AnswerLog(tmp_path / "r", {}, lambda c: {}, lambda text, prompt: prompt in settled)
    answers = generate(model, ASKED, decoding=decoding, log=log)
    assert any(one.finish == "settled" for one in answers)
    for before, after in zip(whole, answers, strict=True):
        if after.finish == "settled":
            assert after.prompt in settled
            assert before.text.startswith(after.text) and after.tokens == STAGE
        else:
            assert after == before

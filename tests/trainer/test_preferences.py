"""Preferences: their files, their masks, their rows, and runs that learn from them."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight import Error, Progress
from rushlight.assistant.engine.template import compile_template
from rushlight.quant.unpack import unpack
from rushlight.trainer.config import checked, read_config
from rushlight.trainer.data.masks import Tokens, read_tokenizer
from rushlight.trainer.data.pack import Pack
from rushlight.trainer.data.pack_trees import make_tree_packs
from rushlight.trainer.data.template import ChatTemplate
from rushlight.trainer.preference_examples import make_preferences
from rushlight.trainer.preferences import read_labels, read_pairs
from rushlight.trainer.run import Places, Watch, prepare, train


def render(template: str, variables: dict[str, Any]) -> str:
    return compile_template(template)(variables, 1 << 20)


def write(path: Path, *lines: Any) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


USER, GOOD, BAD = said("user", "Hi"), said("assistant", "Hello!"), said("assistant", "What?")


def test_pairs_are_read_in_all_their_forms(tmp_path: Path) -> None:
    path = write(
        tmp_path / "pairs.jsonl",
        {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"},
        {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
        {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"prompt": "Hi", "chosen": [USER, GOOD], "rejected": [USER, BAD], "score_chosen": 9},
        {
            "prompt": [said("system", "Be kind."), USER, GOOD, said("user", "Again")],
            "chosen": "Hello!",
            "rejected": "No",
        },
    )
    found = read_pairs([path])
    for one in found[:4]:
        assert (one.prompt, one.answers, one.good) == ([USER], ([GOOD], [BAD]), (True, False))
    assert len({one.share for one in found[:4]}) == 1  # answers to one prompt never part
    assert len(found[4].prompt) == 4
    both = read_labels([path, write(
        tmp_path / "labels.jsonl", {"prompt": "Hi", "completion": "Hello!", "label": True},
        {"messages": [USER, GOOD, USER, BAD], "label": False},
    )])  # fmt: skip
    assert [one.good for one in both] == [(True,), (False,)] * 6
    assert both[-1].prompt == [USER, GOOD, USER] and both[-1].answers == ([BAD],)


def test_keys_of_messages_that_are_null_are_not_there(tmp_path: Path) -> None:
    null: dict[str, Any] = {"tool_calls": None}
    user, good, bad = ({**one, **null} for one in (USER, GOOD, BAD))
    path = write(
        tmp_path / "pairs.jsonl", {"chosen": [USER, good], "rejected": [user, bad]},
        {"prompt": [user], "chosen": [good], "rejected": [bad]},
    )  # fmt: skip
    for one in read_pairs([path]):
        assert (one.prompt, one.answers) == ([USER], ([GOOD], [BAD]))
    (label,) = read_labels([write(tmp_path / "labels.jsonl", {"messages": [user, good], "label": True})])
    assert (label.prompt, label.answers) == ([USER], ([GOOD],))


def test_everything_that_is_wrong_with_preferences_is_told_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "pairs.jsonl",
        {"prompt": "Hi", "chosen": "Hello!"},
        {"prompt": "Hi", "completion": "Hello!", "label": True},
        {"prompt": "Hi", "chosen": "a", "rejected": 5},
        {"chosen": [USER, GOOD], "rejected": [said("user", "Ho"), BAD]},
        {"prompt": "Hi", "chosen": [USER], "rejected": [USER, BAD]},
        {"prompt": "", "chosen": ["x"], "rejected": [BAD]},
        {"chosen": "a", "rejected": "b"},
    )
    with pytest.raises(Error) as caught:
        read_pairs([path])
    for words in ("line 1: it has no chosen and rejected; it has prompt, chosen", "line 2: it has a label",
                  'recipe = "kto"', "line 3: chosen and rejected must be", "line 4: the chats of chosen and",
                  "line 5: the chats", "line 6: chosen: message 2 must have a role",
                  "line 7: prompt must be"):  # fmt: skip
        assert words in caught.value.message, words
    labels = write(
        tmp_path / "labels.jsonl", {"prompt": "Hi", "completion": "a", "label": 1}, {"messages": [USER], "label": True},
        {"messages": [USER, GOOD, USER], "label": True}, {"prompt": "Hi", "completion": "a"},
    )  # fmt: skip
    labels.write_text(labels.read_text() + '{"prompt": "\\ud800", "completion": "a", "label": true}\n')
    with pytest.raises(Error) as caught:
        read_labels([labels])
    for words in ("line 1: label must be true or false, found 1", "line 2: no message is the assistant's",
                  "line 3: the last message must be", "line 4: it has no label",
                  "line 5: it holds half a"):  # fmt: skip
        assert words in caught.value.message, words


def test_settings_of_preferences_go_with_their_recipe(tmp_path: Path) -> None:
    plain = {"model": "m", "out": "o", "data": {"train": ["d"]}}
    assert checked({**plain, "recipe": "dpo"}).steps.rate == 2e-5
    assert checked({**plain, "recipe": "dpo", "method": "full"}).steps.rate == pytest.approx(2e-6)
    assert checked({**plain, "recipe": "dpo", "steps": {"rate": 1e-3}}).steps.rate == 1e-3
    assert checked(plain).steps.rate == 2e-4
    with pytest.raises(Error, match=r"\[preference\] is of the recipes dpo, kto and orpo"):
        checked({**plain, "preference": {"beta": 0.5}})
    wrong = {"beta": 0.0, "form": "ipo", "smoothing": 0.7, "whole_text": True, "good_weight": 2.0}
    with pytest.raises(Error) as caught:
        checked({**plain, "recipe": "kto", "preference": wrong, "steps": {"batch": 1}})
    for words in ("preference.form is of the recipe dpo", "preference.whole_text is of the recipe orpo",
                  "preference.beta must lie", "preference.smoothing must lie",
                  "steps.batch must be at least 2"):  # fmt: skip
        assert words in caught.value.message
    path = tmp_path / "a.toml"
    path.write_text('model = "m"\nout = "o"\nrecipe = "dpo"\n[data]\ntrain = ["d.jsonl"]\n')
    assert read_config(path, ["preference.form=ipo"]).preference.form == "ipo"


def test_only_the_last_answer_is_trained_and_it_ends(make_gguf: Callable[..., Path], tmp_path: Path) -> None:
    unpack(make_gguf("tiny.gguf", quantization="Q8_0"), tmp_path / "model")
    tokenizer = read_tokenizer(tmp_path / "model")
    chat = ChatTemplate(tokenizer.template, render, tokenizer.variables, tokenizer.control)
    path = write(
        tmp_path / "pairs.jsonl",
        {"prompt": [USER, GOOD, said("user", "1+1?")], "chosen": "Two.", "rejected": "Three, I think."},
        {"prompt": "Say <|im_end|>", "chosen": "<|im_end|>", "rejected": "x"},
        {"prompt": "Same", "chosen": "a", "rejected": "a"},
        {"prompt": "Long " * 400, "chosen": "a", "rejected": "b"},
    )
    made = make_preferences(read_pairs([path]), [], tokenizer, chat, max_tokens=200, too_long="cut")
    assert made.good is not None and made.good[0] == [True, False] * 2
    figures = made.report["train"]
    assert (figures["examples"], figures["alike"], figures["without_answer"]) == (2, 1, 1)
    assert figures["ending_in_end_of_turn"] == 2
    texts = [tokenizer.model.decode(one.ids[one.trained].tolist(), skip_special_tokens=False) for one in made.train]
    assert texts == ["Two.<|im_end|>", "Three, I think.<|im_end|>", "<|im_end|><|im_end|>", "x<|im_end|>"]
    assert made.train[2].ids.tolist().count(tokenizer.model.token_to_id("<|im_end|>")) == 2  # the template's own
    assert "»Two.<|im_end|>«" in made.report["samples"][0] and "rejected: " in made.report["samples"][0]


@pytest.mark.torch
def test_what_a_text_begins_with_stands_at_its_beginning_only(make_gguf: Callable[..., Path], tmp_path: Path) -> None:
    from tokenizers import Tokenizer, processors

    from rushlight.trainer.recipes.kto import Kto

    unpack(make_gguf("tiny.gguf", quantization="Q8_0"), tmp_path / "model")
    file, settings = (tmp_path / "model" / name for name in ("tokenizer.json", "tokenizer_config.json"))
    begins = Tokenizer.from_file(str(file))
    begins.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    begins.save(str(file))
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "bos_token": "<|endoftext|>"}))
    tokenizer = read_tokenizer(tmp_path / "model")
    assert tokenizer.begin_id == 0
    chat = ChatTemplate(tokenizer.template, render, tokenizer.variables, tokenizer.control)
    path = write(tmp_path / "pairs.jsonl", *(
        {"prompt": [USER, GOOD, said("user", f"{n}?")], "chosen": f"{n + 1}!", "rejected": "What?"} for n in range(4)
    ))  # fmt: skip
    pairs = make_preferences(read_pairs([path]), [], tokenizer, chat, max_tokens=200, too_long="refuse")
    made = make_preferences(read_labels([path]), [], tokenizer, chat, max_tokens=200, too_long="refuse")
    assert made.good is not None
    swapped = [one for unit in Kto(made.train, made.good[0], circle=4).to_refer()["train"] for one in unit]
    assert len(pairs.train) == 8 and len(swapped) == 16
    for one in (*pairs.train, *swapped):
        assert one.ids[0] == 0 and one.ids.tolist().count(0) == 1 and not one.trained[0] and one.n_trained


def units(seed: int, size: int = 2) -> list[tuple[Tokens, ...]]:
    """Pairs of all lengths: most under one system prompt, some with the same question, answers that begin alike."""
    chance = random.Random(seed)

    def some(low: int, high: int) -> list[int]:
        return [chance.randrange(300) for _ in range(chance.randrange(low, high))]

    system, question = some(20, 21), some(10, 30)
    found = []
    for number in range(11):
        prompt = some(2, 20) if number % 5 == 4 else system + (question if number % 3 == 0 else some(1, 20))
        start = some(9, 12) if number % 4 == 2 else []
        answers = [start + some(1, 25) for _ in range(size)]
        if number == 7:
            answers[1] = answers[0][:1]  # one that the other begins with
        found.append(tuple(
            Tokens(np.array(prompt + one, np.int64), np.arange(len(prompt + one)) >= len(prompt)) for one in answers
        ))  # fmt: skip
    return found


def read_back(pack: Pack) -> dict[int, list[tuple[list[int], int]]]:
    """(what the model has seen, what it is to predict) of each example."""
    found: dict[int, list[tuple[list[int], int]]] = {}
    for place, target, owner in zip(pack.places, pack.targets, pack.owners, strict=True):
        number = next(i for i, one in enumerate(pack.segments) if one.start <= place < one.stop)
        chain = [pack.segments[number]]
        while chain[0].parent >= 0:
            chain.insert(0, pack.segments[chain[0].parent])
        seen = [int(pack.ids[i]) for one in chain for i in range(one.start, one.stop) if i <= place]
        assert pack.positions[place] == len(seen) - 1
        found.setdefault(int(owner), []).append((seen, int(target)))
    return found


@pytest.mark.parametrize("share", [True, False])
def test_units_are_never_parted_and_each_target_is_predicted_from_its_own_example(share: bool) -> None:
    depths = set()
    for seed in range(20):
        pairs = units(seed)
        seen: list[int] = []
        for pack, numbers in make_tree_packs(pairs, 160, share=share):
            told = read_back(pack)
            examples = [one for number in numbers for one in pairs[number]]
            assert sorted(told) == list(range(len(examples)))
            for owner, one in enumerate(examples):
                wanted = [(one.ids[:i].tolist(), int(one.ids[i])) for i in range(1, len(one.ids)) if one.trained[i]]
                assert told[owner] == wanted
            assert pack.n_tokens <= 160 and pack.n_read == sum(len(one.ids) for one in examples)
            assert all(one.stop > one.start and one.parent < i for i, one in enumerate(pack.segments))
            depths |= {len(chain(pack, i)) for i in range(len(pack.segments))}
            seen += numbers
        assert sorted(seen) == list(range(len(pairs)))
    assert max(depths) == (4 if share else 1)


def chain(pack: Pack, number: int) -> list[int]:
    found = [number]
    while pack.segments[found[-1]].parent >= 0:
        found.append(pack.segments[found[-1]].parent)
    return found


def test_what_answers_begin_with_in_common_is_laid_once() -> None:
    prompt = list(range(50))
    pair = tuple(Tokens(np.array([*prompt, 100 + n, 200]), np.arange(52) >= 50) for n in range(2))
    ((pack, _),) = make_tree_packs([pair, pair], 512)
    assert pack.n_tokens == 50 + 4 * 2 and pack.n_read == 4 * 52
    assert make_tree_packs([pair], 16)[0][0].n_tokens == 54  # longer than a row: one of its own


@pytest.fixture
def places(make_gguf: Callable[..., Path], tmp_path: Path) -> Places:
    data = write(tmp_path / "pairs.jsonl", *(
        {"prompt": f"What comes after {n}?", "chosen": f"{n + 1}!", "rejected": f"It is {n}."} for n in range(30)
    ))  # fmt: skip
    return Places(make_gguf("tiny.gguf", quantization="Q8_0"), (data,), (), tmp_path / "run")


def config(recipe: str, method: str = "lora", **more: Any) -> Any:
    adapter = {} if method == "full" else {"adapter": {"rank": 4, "dropout": 0.1}}
    return checked({
        "model": "m", "out": "o", "recipe": recipe, "method": method,
        "data": {"train": ["d"], "validate_share": 0.2},
        "steps": {"batch": 6, "rate": 2e-3 if method == "full" else 2e-2, "epochs": 9, "most": 10, "row_tokens": 300},
        "machine": {"threads": 1, "device": "cpu"}, "keep": {"every": 4, "validate_every": 2}, **adapter, **more,
    })  # fmt: skip


def metrics(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.torch
@pytest.mark.parametrize(("recipe", "method"), [("dpo", "lora"), ("kto", "full"), ("orpo", "lora")])
def test_preferences_are_learned_and_a_run_that_pauses_ends_with_the_same_bits(
    recipe: str, method: str, places: Places, tmp_path: Path
) -> None:
    config_, told = config(recipe, method), []
    prepare(config_, places, render=render)
    outcome = train(config_, places, Watch(on_progress=told.append))
    lines = metrics(places.out)
    first, last = lines[1], lines[-1]
    assert last["held_out"] < first["held_out"] and last["held_out_margin"] > max(0.05, first["held_out_margin"])
    assert last["held_out_accuracy"] == 1.0 and outcome["figures"]["held_out_margin"] == last["held_out_margin"]
    assert all({"reward_chosen", "reward_rejected", "margin", "accuracy"} <= line.keys() for line in lines)
    assert ("kl" in last) == (recipe == "kto") and ("log_odds" in last) == (recipe == "orpo")
    curves = (places.out / "curves.svg").read_text()
    assert "reward chosen" in curves and "held out margin" in curves
    assert any(one.what.startswith("Asking") for one in told) == (recipe != "orpo")
    assert last["computed_tokens"] < 0.75 * last["tokens"]  # the prompt of both answers once

    other = Places(places.model, places.train, (), tmp_path / "other")
    asked = 0

    def pause() -> bool:
        nonlocal asked
        asked += 1
        return asked in (2, 9)  # in the middle of the reference; between two checkpoints

    for resume in (False, True, True):
        prepare(config_, other, render=render, resume=resume)
        outcome = train(config_, other, Watch(should_pause=pause))
    assert outcome["state"] == "done"
    name = "model/model.safetensors" if method == "full" else "adapter/adapter_model.safetensors"
    assert (other.out / name).read_bytes() == (places.out / name).read_bytes()
    timed = ("seconds", "trained_tokens_per_s")
    again = [{key: value for key, value in line.items() if key not in timed} for line in metrics(other.out)]
    assert again == [{key: value for key, value in line.items() if key not in timed} for line in lines]
    if recipe != "orpo":
        kept = [(one.out / "reference.safetensors").read_bytes() for one in (places, other)]
        assert kept[0] == kept[1]


@pytest.mark.torch
def test_the_untrained_model_is_asked_once(places: Places) -> None:
    """What is kept is what the model without its adapter says, also when the adapter has learned; a file that is there
    is not made again."""
    from rushlight.trainer.backends.peft import BACKEND
    from rushlight.trainer.loop import Training
    from rushlight.trainer.recipes.choose import choose_recipe
    from rushlight.trainer.reference import NAME, refer
    from rushlight.trainer.run import base_folder

    config_ = config("dpo")
    prepare(config_, places, render=render)
    train(config_, places)
    kept = (places.out / NAME).read_bytes()
    told: list[Progress] = []
    recipe, _ = choose_recipe(config_, places.out / "examples.safetensors")
    loaded = BACKEND.load(base_folder(places), config_, "cpu", "float32")
    training = Training(loaded, recipe, config_, places.out, row_tokens=300, n_threads=1)
    training.go_on(sorted((places.out / "checkpoints").iterdir())[-1])
    more: dict[str, Any] = {"row_tokens": 300, "alone": False, "share": True, "watch": Watch(on_progress=told.append)}
    refer(places.out, recipe, training.look_at_base, **more)
    assert not told and training.held_out()[1]["margin"] > 0.05
    (places.out / NAME).unlink()
    refer(places.out, recipe, training.look_at_base, **more)
    assert told and (places.out / NAME).read_bytes() == kept
    (places.out / NAME).write_bytes(b"no reference")
    refer(places.out, recipe, training.look_at_base, **more)
    assert (places.out / NAME).read_bytes() == kept


@pytest.mark.torch
def test_circles_of_kto_are_the_steps(places: Places) -> None:
    from rushlight.trainer.recipes.choose import choose_recipe

    config_ = config("kto")
    prepare(config_, places, render=render)
    recipe, _ = choose_recipe(config_, places.out / "examples.safetensors")
    n_steps = -(-recipe.n_examples // 6)
    steps = [recipe.order(step, 6, 0) for step in range(2 * n_steps)]
    for epoch in (steps[:n_steps], steps[n_steps:]):
        assert sorted(one for step in epoch for one in step) == list(range(recipe.n_examples))
    assert (
        sorted(map(tuple, steps[:n_steps])) == sorted(map(tuple, steps[n_steps:]))
        and steps[:n_steps] != steps[n_steps:]
    )
    asked = recipe.to_refer()["train"]
    circle = steps[0]
    for one, before in zip(circle, [circle[-1], *circle[:-1]], strict=True):
        answer, swapped = asked[one]
        n = int(np.argmax(answer.trained))
        assert (swapped.ids[:n] == answer.ids[:n]).all()
        other = asked[before][0]
        assert swapped.ids[n:].tolist() == other.ids[int(np.argmax(other.trained)) :].tolist()
    assert all(len(one) > 1 for one in recipe.portions())


@pytest.mark.torch
def test_swapped_texts_of_kto_keep_to_the_positions_that_the_model_has(places: Places, tmp_path: Path) -> None:
    from rushlight.trainer.recipes.choose import choose_recipe

    config_ = config("kto")
    prepare(config_, places, render=render)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text(json.dumps({"n_positions": 20}))
    for base, most in ((places.out / "base", False), (tmp_path / "base", True)):
        recipe, _ = choose_recipe(config_, places.out / "examples.safetensors", base)
        lengths = [len(swapped.ids) for _, swapped in recipe.to_refer()["train"]]
        assert (max(lengths) == 20) == most


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["dpo", "kto", "orpo"])
@pytest.mark.parametrize("method", ["rslora", "dora", "qlora", "full"])
def test_each_method_learns_preferences_and_is_proven(recipe: str, method: str, places: Places) -> None:
    from rushlight.trainer.export import export

    rate = {"full": 2e-3, "rslora": 5e-3}.get(method, 2e-2)  # rsLoRA's matrices count more
    steps = {"batch": 6, "rate": rate, "epochs": 9, "most": 10, "row_tokens": 300}
    config_ = config(recipe, method, export={"quantize": "Q8_0"}, steps=steps)
    prepare(config_, places, render=render)
    train(config_, places)
    lines = metrics(places.out)
    assert lines[-1]["held_out_margin"] > max(0.02, lines[1]["held_out_margin"])
    made = export(config_, places, render=render, n_threads=1)
    assert made and all(proof is not None and proof.passed for _, proof in made)

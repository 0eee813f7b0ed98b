"""Mutate answers of models and read them: no error, no number out of range, no long wait.

    python bench/fuzz_answers.py --count 2000

Answers come from the table ``tests/data/answers.tsv``, and from ``TRACK_ANSWERS``. Each is changed up to six times: characters
removed, doubled, swapped or replaced by signs of any script, pieces of other answers inserted, the end cut off. A number out of
range, a reading that contradicts itself, a contradiction without evidence, or an error is a fault, printed with its answer.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from alref.llm.parsing import parse_choice, parse_labels
from alref.llm.track_parsing import (
    FRAME_ANSWERS,
    TRACK_CHOICES,
    is_doubt,
    parse_concept,
    parse_description,
    parse_judgment,
    parse_ratings,
)

TABLE = Path(__file__).parents[1] / "tests/data/answers.tsv"
SIGNS = [*"{}[]()<>\"'`*_#|:;,.!?-=/\\\n\t 0123456789\x00\x1b\u202e\ud800\udfff\u0663\uff13第«»◁✓"]
TRACK_ANSWERS = (
    '{"why": "", "tracks": [{"id": 1, "choice": "accept", "why": "it turns"}, {"id": 2, "choice": "reject", "why": ""}]}',
    '{"accept": [1, 2], "reject": [3], "uncertain": []}',
    '{"1": "accept", "2": {"choice": "reject", "reason": "a cat"}}',
    '{"why": "", "frames": [{"frame": 1, "answer": "yes", "why": ""}, {"frame": 2, "answer": "no", "why": "on a wall"}]}',
    '{"why": "", "kind": "explicit", "noun": "fire truck", "broader": "vehicle"}',
    '{"why": "", "kind": "reasoning", "noun": "", "broader": ""}',
    '{"why": "", "verdict": "contradicted", "criterion": "trajectory", "evidence": "on frame 3 it turns right"}',
    '{"why": "", "verdict": "unsure", "criterion": "", "evidence": ""}',
    '{"description": "white fur, black ears"}',
)
Mutation = Callable[[str, random.Random, list[str]], str]


def _cut(text: str, dice: random.Random, pool: list[str]) -> str:
    start, end = sorted((dice.randint(0, len(text)), dice.randint(0, len(text))))
    return dice.choice([text[:end], text[start:], text[:start] + text[end:]])


def _repeat(text: str, dice: random.Random, pool: list[str]) -> str:
    start, end = sorted((dice.randint(0, len(text)), dice.randint(0, len(text))))
    return text[:end] + text[start:end] * dice.choice([1, 2, 50]) + text[end:]


def _insert_signs(text: str, dice: random.Random, pool: list[str]) -> str:
    place = dice.randint(0, len(text))
    return text[:place] + "".join(dice.choices(SIGNS, k=dice.randint(1, 4))) + text[place:]


def _splice(text: str, dice: random.Random, pool: list[str]) -> str:
    other, place = dice.choice(pool), dice.randint(0, len(text))
    return text[:place] + dice.choice(["", " ", "\n", ", "]) + other + text[place:]


def _swap_case(text: str, dice: random.Random, pool: list[str]) -> str:
    return dice.choice([text.upper(), text.lower(), text.title(), text[::-1]])


MUTATIONS: tuple[Mutation, ...] = (_cut, _repeat, _insert_signs, _splice, _swap_case)


def fuzz(count: int, seed: int) -> tuple[Counter[str], list[str], float]:
    """Return the kinds of ``count`` readings, the faults, and the longest seconds of one reading."""
    dice = random.Random(seed)
    lines = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    pool = [*(text.replace(r"\n", "\n") for _, _, text in lines), *TRACK_ANSWERS * (len(lines) // len(TRACK_ANSWERS))]
    kinds: Counter[str] = Counter()
    faults, slowest = [], 0.0
    for _ in range(count):
        text = dice.choice(pool)
        for _ in range(dice.randint(1, 6)):
            text = dice.choice(MUTATIONS)(text, dice, pool)[:50_000]
        shown, noun = dice.randint(1, 12), dice.choice(["frame", "box"])
        started = time.perf_counter()
        try:
            found = [*find_faults(text, shown, noun, kinds), *find_track_faults(text, shown, kinds)]
            faults += [f"{fault}: {text!r}" for fault in found]
        except Exception as error:  # what the run is to find
            faults.append(f"{type(error).__name__}: {error}: {text!r}")
        slowest = max(slowest, time.perf_counter() - started)
    return kinds, faults, slowest


def find_faults(text: str, count: int, noun: str, kinds: Counter[str]) -> list[str]:
    """Read an answer in both ways, count the kinds, and return what is wrong with the readings."""
    choice, labels = parse_choice(text, count, noun), parse_labels(text, count)
    kinds[f"choice {choice.kind}"] += 1
    kinds[f"labels {labels.kind}"] += 1
    wrong = {
        "number out of range": choice.number is not None and not 1 <= choice.number <= count,
        "found without a number": (choice.kind == "found") != (choice.number is not None) and choice.kind != "ambiguous",
        "unreadable without a reason": (choice.kind == "unreadable") != bool(choice.problem),
        "reason that cannot be stored": not _is_storable(choice.why + choice.problem),
        "frame out of range": labels.kind == "found" and not all(1 <= (each or 0) <= count for each in labels.frames.values()),
        "name that cannot be stored": not _is_storable("".join(labels.frames)),
    }
    return [fault for fault, found in wrong.items() if found]


def find_track_faults(text: str, count: int, kinds: Counter[str]) -> list[str]:
    """Read an answer as each kind of answer about tracks, count the kinds, and return what is wrong with the readings."""
    numbers = list(range(1, count + 1))
    ratings = {
        name: parse_ratings(text, numbers, words) for name, words in (("tracks", TRACK_CHOICES), ("frames", FRAME_ANSWERS))
    }
    concepts = [parse_concept(text, failed=["dog"], is_shown=shown) for shown in (False, True)]
    audit = parse_judgment(text, ("present", "contradicted", "unsure"), "contradicted", named=True)
    looks = parse_description(text)
    readings = {**ratings, "concept": concepts[0], "shown concept": concepts[1], "audit": audit, "looks": looks}
    for name, reading in readings.items():
        kinds[f"{name} {reading.kind}"] += 1
    allowed = {"tracks": {*TRACK_CHOICES.values()}, "frames": {*FRAME_ANSWERS.values()}}
    told = [*(why for each in ratings.values() for _, why in each.ratings.values()), audit.evidence, looks.evidence]
    contradicted = audit.verdict == "contradicted"
    wrong = {
        "rating of an unknown number": any(set(each.ratings) - {*numbers} for each in ratings.values()),
        "other rating": any({word for word, _ in each.ratings.values()} - allowed[name] for name, each in ratings.items()),
        "failed noun": any("dog" in (each.noun, each.broader) for each in concepts),
        "long noun": any(len(noun.split()) > 3 for each in concepts for noun in (each.noun, each.broader)),
        "contradiction without evidence": contradicted
        and (not audit.criterion or not audit.evidence or is_doubt(audit.evidence)),
        "unreadable without a reason": any((each.kind == "unreadable") != bool(each.problem) for each in readings.values()),
        "words that cannot be stored": not _is_storable(
            "".join([*told, *(each.why + each.problem for each in readings.values())])
        ),
    }
    return [fault for fault, found in wrong.items() if found]


def _is_storable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def main() -> None:
    """Run it and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = time.perf_counter()
    kinds, faults, slowest = fuzz(given.count, given.seed)
    print(f"{given.count} answers in {time.perf_counter() - started:.1f} s, the slowest {slowest:.2f} s")
    print(", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items())))
    print(f"faults: {len(faults)}", *faults[:20], sep="\n")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()

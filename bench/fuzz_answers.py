"""Mutate answers of models and read them: no error, no number out of range, no long wait.

    python bench/fuzz_answers.py --count 2000

Answers come from the table ``tests/data/answers.tsv``. Each is changed up to six times: characters removed, doubled, swapped or
replaced by signs of any script, pieces of other answers inserted, the end cut off. A number out of range, a reading that
contradicts itself, or an error is a fault, printed with its answer.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from alref.llm.parsing import parse_choice, parse_labels

TABLE = Path(__file__).parents[1] / "tests/data/answers.tsv"
SIGNS = [*"{}[]()<>\"'`*_#|:;,.!?-=/\\\n\t 0123456789\x00\x1b\u202e\ud800\udfff\u0663\uff13第«»◁✓"]
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
    pool = [text.replace(r"\n", "\n") for _, _, text in lines]
    kinds: Counter[str] = Counter()
    faults, slowest = [], 0.0
    for _ in range(count):
        text = dice.choice(pool)
        for _ in range(dice.randint(1, 6)):
            text = dice.choice(MUTATIONS)(text, dice, pool)[:50_000]
        shown, noun = dice.randint(1, 12), dice.choice(["frame", "box"])
        started = time.perf_counter()
        try:
            faults += [f"{fault}: {text!r}" for fault in find_faults(text, shown, noun, kinds)]
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
        "value without a number": (choice.kind == "value") != (choice.number is not None) and choice.kind != "ambiguous",
        "unreadable without a reason": (choice.kind == "unreadable") != bool(choice.problem),
        "reason that cannot be stored": not _is_storable(choice.why + choice.problem),
        "frame out of range": labels.kind == "value" and not all(1 <= (each or 0) <= count for each in labels.frames.values()),
        "name that cannot be stored": not _is_storable("".join(labels.frames)),
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

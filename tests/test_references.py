from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alref.errors import AlrefError, ConfigError, InputError
from alref.pipeline.references import make_references, read_references


def test_expressions_are_numbered() -> None:
    assert [(each.id, each.text) for each in make_references(["the dog", "the cat"])] == [("1", "the dog"), ("2", "the cat")]


def test_a_box_needs_no_expression_and_takes_one() -> None:
    (bare,) = make_references([], box=[1, 2, 3, 4], frame=5, mask=None)
    assert (bare.id, bare.prompts[0].frame, bare.has_prompt) == ("1", 5, True)
    assert make_references(["cup"], box=[1, 2, 3, 4])[0].text == "cup"


@pytest.mark.parametrize(
    ("texts", "prompt", "message"),
    [
        ([""], {}, "reference '1': the expression is empty; say what to segment"),
        (["  \n"], {}, "the expression is empty"),
        (["a" * 10_000], {}, "reference '1': text: String should have at most 2000 characters"),
        (["a", "b"], {"box": [1, 2, 3, 4]}, "a box goes with one expression"),
        (["a"], {"box": [3, 2, 1, 4]}, "reference '1': box: expected x1 > x0"),
        (["a"], {"box": [1, 2, 3, 4], "frame": -1}, "frame: Input should be greater than or equal to 0, got -1"),
    ],
)
def test_a_wrong_reference_is_an_input_error(texts: list[str], prompt: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make_references(texts, **prompt)
    assert message in str(caught.value)


def test_sound_stands_alone_or_beside_each_expression(tmp_path: Path) -> None:
    assert [(each.text, each.sound) for each in make_references([], sound=True)] == [("", True)]
    assert [(each.text, each.sound) for each in make_references(["a", "b"], sound=True)] == [("a", True), ("b", True)]


def test_a_spoken_reference_is_known_by_what_the_file_holds(tmp_path: Path) -> None:
    for name, content in (("a.wav", b"one"), ("b.wav", b"one"), ("c.wav", b"two")):
        (tmp_path / name).write_bytes(content)
    prints = [each.spoken.fingerprint for each in make_references([], [tmp_path / f"{n}.wav" for n in "abc"]) if each.spoken]
    assert prints[0] == prints[1] != prints[2]
    with pytest.raises(InputError, match=r"d\.wav: "):
        make_references([], [tmp_path / "d.wav"])


def test_a_file_lists_expressions_or_names_them(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text("- the dog\n- text: the cat\n")
    assert [(each.id, each.text) for each in read_references(path)] == [("1", "the dog"), ("2", "the cat")]
    path.write_text("rex: the dog\ncup: {box: [1, 2, 30, 40], frame: 7}\n")
    rex, cup = read_references(path)
    assert (rex.id, rex.text, cup.id, cup.prompts[0].frame) == ("rex", "the dog", "cup", 7)


def test_a_file_gives_several_prompts_of_one_object(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(
        "rex:\n  text: the dog\n  prompts:\n"
        "    - {frame: 3, points: [[12, 8], [3, 4.5]], labels: [true, no]}\n"
        "    - {frame: 9, absent: true}\n"
        "cup: {points: [[1, 2]], frame: 4}\n"
    )
    rex, cup = read_references(path)
    first, second = rex.prompts
    assert (first.frame, first.points.tolist(), first.labels.tolist()) == (3, [[12, 8], [3, 4.5]], [True, False])
    assert (second.frame, second.absent) == (9, True)
    assert (cup.prompts[0].frame, cup.prompts[0].points.tolist(), cup.prompts[0].labels.tolist()) == (4, [[1, 2]], [True])


def test_ids_and_expressions_are_read_as_typed(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text("no: the cup\nyes: the dog\non: off\n010: the cat\n10: 1:30\n1_0: 2024-01-01\n~: 'null'\n")
    assert [(each.id, each.text) for each in read_references(path)] == [
        ("no", "the cup"),
        ("yes", "the dog"),
        ("on", "off"),
        ("010", "the cat"),
        ("10", "1:30"),
        ("1_0", "2024-01-01"),
        ("~", "null"),
    ]
    path.write_text("- no\n- 010\n- {text: yes, sound: yes}\n")
    assert [(each.text, each.sound) for each in read_references(path)] == [("no", False), ("010", False), ("yes", True)]
    path.write_text("a: &a {box: [1, 2, 3, 4.5]}\nb: {<<: *a, frame: 3}\n")
    assert [(each.id, each.prompts[0].frame) for each in read_references(path)] == [("a", 0), ("b", 3)]


def test_a_file_may_point_to_a_mask_beside_it(tmp_path: Path) -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 3:7] = 255
    Image.fromarray(mask).save(tmp_path / "cup.png")
    (tmp_path / "many.yaml").write_text("cup: {mask: cup.png}\n")
    (cup,) = read_references(tmp_path / "many.yaml")
    assert cup.prompts[0].mask is not None
    assert (cup.prompts[0].mask == (mask > 0)).all()


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("dog", InputError, "expected a list of expressions or a mapping"),
        ("[]", InputError, "expected a list of expressions or a mapping"),
        ("a: [3]", InputError, "a: expected an expression or a mapping of text, spoken, sound, box, mask"),
        ("a: {text: x, frame: x}", InputError, "frame"),
        ("a: {prompts: [3]}", InputError, "a.prompts: expected a list of mappings"),
        ("a: {prompts: [{fram: 3}]}", InputError, "a.prompts.0.fram: no such key; did you mean 'frame'?"),
        ("a: {points: [[1, 2]], labels: [true, true]}", InputError, "labels: expected one for each of 1 points"),
        ("a: {prompts: [{absent: true}]}", InputError, "expected a box, a mask or points on a frame"),
        ("a: {prompts: [{points: [[1, 2]]}], box: [1, 2, 3, 4]}", InputError, "at most one on each frame"),
        ("no: the dog\nno: the cat", ConfigError, "'no' twice"),
        ("a: {txt: x}", InputError, "a.txt: no such key; did you mean 'text'?"),
        ("a: {text: ''}", InputError, "reference 'a': the expression is empty"),
        ("a: {mask: none.png}", InputError, "none.png"),
        ("a: !!python/name:os.system", ConfigError, "expected plain YAML"),
    ],
)
def test_a_wrong_file_says_where(tmp_path: Path, text: str, kind: type[AlrefError], message: str) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(text)
    with pytest.raises(kind) as caught:
        read_references(path)
    assert message in str(caught.value)

"""Every data set is read from the layout in which it is downloaded."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from alref.components.dataset import Dataset
from alref.errors import ConfigError, InputError
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.datasets.avsbench import AvsBenchMS3Dataset, AvsBenchS4Dataset
from alref_benchmarks.datasets.avsbench_semantic import AvsBenchV2BinaryDataset, AvssDataset
from alref_benchmarks.datasets.davis import RefDavis17Dataset
from alref_benchmarks.datasets.davis_prompts import Davis16Dataset, Davis17Dataset
from alref_benchmarks.datasets.expressions import MeViSDataset, MeViSv2Dataset, RefYouTubeVosDataset
from alref_benchmarks.datasets.long_rvos import LongRvosDataset
from alref_benchmarks.datasets.reasonvos import ReasonVosDataset
from alref_benchmarks.datasets.ref_sav import RefSavDataset
from alref_benchmarks.datasets.refavs import RefAvsDataset
from alref_benchmarks.datasets.revos import ReVosDataset
from support.benchmark_fixtures import DAVIS, SIZE, build, clip, ref_davis17, save_table

SEEN, OTHER = "-x_0_10000", "y z_1000_11000"
LISTED: dict[type[Dataset], dict[str, dict[str, int]]] = {
    RefDavis17Dataset: {"valid": DAVIS},
    Davis17Dataset: {"val": {"-black_swan": 4, "gold fish": 5}},
    Davis16Dataset: {"val": {"-black_swan": 4, "b_2": 4}},
    RefYouTubeVosDataset: {"valid": {"_003": 3}, "test": {"0c0 4e": 3}, "train": {"ÄÖ-9": 3}},
    MeViSDataset: {"valid": {"f_2": 4}, "valid_u": {"-00d9": 4, "1 b": 4}},
    MeViSv2Dataset: {"valid": {"f_2": 4}, "valid_u": {"-00d9": 4, "1 b": 4}},
    LongRvosDataset: {"valid": {"-long 1": 5, "b_2": 5}},
    ReasonVosDataset: {"test": {"a b": 4, "-c_3": 4}},
    ReVosDataset: {"valid": {"UVO/all/-f b": 4, "LVOS/b_2": 4}},
    RefSavDataset: {"valid": {"sav_055000": 4, "sav_056001": 4}},
    AvsBenchS4Dataset: {"test": {"-5Xy": 5, "_aB c": 5}},
    AvsBenchMS3Dataset: {"test": {"-kQ_0": 5, "m 7_2": 5}},
    AvssDataset: {"test": {"-a_0_5000": 5, "b c_2": 5, "_d_0_10000": 10}},
    AvsBenchV2BinaryDataset: {"test": {"_d_0_10000": 10}},
    RefAvsDataset: {"test_s": {SEEN: 10, OTHER: 10}, "test_n": {f"null_c-{SEEN}": 10}},
}
SPLITS = [(cls, split) for cls, splits in LISTED.items() for split in splits]


def test_all_data_sets_are_tried() -> None:
    assert set(LISTED) == set(DATASETS)


@pytest.mark.parametrize(("cls", "split"), SPLITS, ids=lambda value: getattr(value, "name", value))
def test_videos_are_listed_in_their_order_with_all_frames_and_their_sound(
    cls: type[Dataset], split: str, tmp_path: Path
) -> None:
    build(cls.name, tmp_path)
    dataset = cls(tmp_path, split)
    assert {video: len(dataset.open_video(video)) for video in dataset.list_videos()} == LISTED[cls][split]
    heard = {dataset.open_video(video).read_audio(16000) is not None for video in dataset.list_videos()}
    assert heard == {cls.name.startswith("avs") or cls.name == "ref-avs"}


@pytest.mark.parametrize(("cls", "video"), [(RefDavis17Dataset, "été"), (AvssDataset, "_d_0_10000")])
def test_frames_are_in_order(cls: type[Dataset], video: str, tmp_path: Path) -> None:
    build(cls.name, tmp_path)
    opened = cls(tmp_path).open_video(video)
    drawn, _ = clip(len(opened), 2)
    red = [np.asarray(frame[..., 0].astype(int) - frame[..., 2] > 60).any(axis=0).argmax() for frame in drawn]
    seen = [
        np.asarray(frame[..., 0].astype(int) - frame[..., 2] > 60).any(axis=0).argmax() for _, frame in opened.read_frames()
    ]
    assert np.abs(np.subtract(red, seen)).max() <= 2
    assert opened.name == video


def said(dataset: Dataset, video: str) -> dict[str, tuple[str, bool]]:
    return {each.id: (each.text, each.sound) for each in dataset.read_references(video)}


def test_references_keep_the_ids_of_the_data_set_and_say_whether_sound_is_meant(tmp_path: Path) -> None:
    for name in ("ref-davis17", "mevis", "avsbench-s4", "ref-avs"):
        build(name, tmp_path / name)
    davis = said(RefDavis17Dataset(tmp_path / "ref-davis17"), "été")
    assert list(davis) == [str(number) for number in range(8)]
    assert davis["5"] == ("the blue bar below in the first frame", False)
    assert said(MeViSDataset(tmp_path / "mevis", "valid_u"), "1 b")["2"] == ("a green circle", False)
    assert said(AvsBenchS4Dataset(tmp_path / "avsbench-s4"), "-5Xy") == {"sound": ("", True)}
    assert said(RefAvsDataset(tmp_path / "ref-avs"), SEEN) == {
        f"{SEEN}_cat_1": ("The object making a sound.", True),
        f"{SEEN}_cat_2": ("The square, moving right.", True),
        f"{SEEN}_cat_2 (2)": ("The loudest object.", True),
    }


@pytest.mark.parametrize("cls", DATASETS, ids=lambda cls: cls.name)
def test_what_is_sent_to_other_processes_is_small_and_reads_the_same(cls: type[Dataset], tmp_path: Path) -> None:
    build(cls.name, tmp_path)
    dataset = cls(tmp_path, next(iter(LISTED[cls])))
    videos = dataset.list_videos()
    sent = pickle.dumps(dataset)
    assert len(sent) < 1000
    assert pickle.loads(sent).list_videos() == videos
    assert pickle.loads(sent) is pickle.loads(sent)


def test_suffixes_may_be_in_upper_case(tmp_path: Path) -> None:
    build("ref-davis17", tmp_path)
    for path in [*tmp_path.rglob("*.jpg"), *tmp_path.rglob("*.png")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    dataset = RefDavis17Dataset(tmp_path)
    assert len(dataset.open_video("été")) == 5
    assert [fault.video for fault in dataset.find_problems()] == [""]


def test_mevis_may_keep_its_expressions_in_a_folder_of_their_own(tmp_path: Path) -> None:
    build("mevis", tmp_path)
    moved = tmp_path / "meta_expressions/valid_u/meta_expressions.json"
    moved.parent.mkdir(parents=True)
    (tmp_path / "valid_u/meta_expressions.json").rename(moved)
    assert MeViSDataset(tmp_path, "valid_u").list_videos() == ["-00d9", "1 b"]


@pytest.mark.parametrize(
    ("split", "file"), [("valid_u", "meta_expressions_v2.json"), ("valid", "meta_expressions_v2_release.json")]
)
def test_mevis_v2_has_its_own_expressions_beside_those_of_mevis(split: str, file: str, tmp_path: Path) -> None:
    build("mevis", tmp_path)
    old = tmp_path / split / "meta_expressions.json"
    (tmp_path / split / file).write_text(old.read_text().replace("a green circle", "a circle that rolls"))
    texts = {
        cls: {each.text for video in cls(tmp_path, split).list_videos() for each in cls(tmp_path, split).read_references(video)}
        for cls in (MeViSDataset, MeViSv2Dataset)
    }
    assert texts[MeViSDataset] ^ texts[MeViSv2Dataset] == {"a green circle", "a circle that rolls"}


def test_the_pictures_of_the_test_part_of_ref_youtube_vos_may_have_their_own_folder(tmp_path: Path) -> None:
    build("ref-youtube-vos", tmp_path)
    moved = tmp_path / "test/JPEGImages/0c0 4e"
    moved.parent.mkdir(parents=True)
    (tmp_path / "valid/JPEGImages/0c0 4e").rename(moved)
    assert len(RefYouTubeVosDataset(tmp_path, "test").open_video("0c0 4e")) == 3


def test_the_folder_of_avsbench_semantic_itself_may_be_given(tmp_path: Path) -> None:
    build("avsbench-avss", tmp_path)
    assert AvssDataset(tmp_path / "AVSBench_semantic").list_videos() == AvssDataset(tmp_path).list_videos()


def test_a_table_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    build("avsbench-ms3", tmp_path)
    table = tmp_path / "Multi-sources/ms3_meta_data.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert AvsBenchMS3Dataset(tmp_path).list_videos() == ["-kQ_0", "m 7_2"]


@pytest.mark.parametrize("count", [1, 300])
def test_a_video_may_have_one_frame_or_three_hundred(count: int, tmp_path: Path) -> None:
    ref_davis17(tmp_path, {"long": count})
    assert len(RefDavis17Dataset(tmp_path).open_video("long")) == count


def test_protocols_are_those_of_the_split(tmp_path: Path) -> None:
    assert MeViSDataset(tmp_path, "valid").protocols == ()
    assert MeViSDataset(tmp_path, "valid_u").protocols == ("mevis",)
    assert RefAvsDataset(tmp_path, "test_n").protocols == ("ref-avs-null",)


def test_truth_that_is_not_public_is_said_to_be_so(tmp_path: Path) -> None:
    build("mevis", tmp_path)
    with pytest.raises(InputError, match=r"\bvalid\b.*alref submit.*\bvalid_u or train\b"):
        next(MeViSDataset(tmp_path).read_cases("f_2", tmp_path))


def test_a_split_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'vaild'.*'valid'"):
        MeViSDataset(tmp_path, "vaild")


def test_a_folder_that_is_another_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"meta_expressions\.json: .*docs/datasets\.md"):
        RefDavis17Dataset(tmp_path).list_videos()


def broken(tmp_path: Path, change: dict[str, object]) -> str:
    build("ref-davis17", tmp_path)
    file = tmp_path / "meta_expressions/valid/meta_expressions.json"
    meta = json.loads(file.read_text())
    meta["videos"]["gold fish"] |= change
    file.write_text(json.dumps(meta))
    with pytest.raises(InputError) as raised:
        RefDavis17Dataset(tmp_path).list_videos()
    return str(raised.value)


def test_a_list_of_another_shape_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    assert re.search(r"videos\.gold fish\.frames: .*got 3", broken(tmp_path, {"frames": 3}))


def test_a_list_that_was_cut_is_no_json(tmp_path: Path) -> None:
    build("ref-davis17", tmp_path)
    file = tmp_path / "meta_expressions/valid/meta_expressions.json"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match=r"meta_expressions\.json: "):
        RefDavis17Dataset(tmp_path).list_videos()


def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    assert "'../../x'" in broken(tmp_path, {"frames": ["../../x"]})


def test_a_table_without_its_columns_says_which(tmp_path: Path) -> None:
    save_table(tmp_path / "Single-source/s4_meta_data.csv", ("name", "part"), ("a", "test"))
    with pytest.raises(InputError, match=r"'split'.*name, part"):
        AvsBenchS4Dataset(tmp_path).list_videos()


def test_a_table_that_ends_within_a_row_says_where(tmp_path: Path) -> None:
    save_table(tmp_path / "metadata.csv", ("vid", "uid", "split", "fid", "exp"), ("a", "a_1_2"))
    with pytest.raises(InputError, match=r"line 2: .*\b5\b.*\b2\b"):
        RefAvsDataset(tmp_path).list_videos()


def test_an_unknown_video_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    build("ref-davis17", tmp_path)
    with pytest.raises(InputError, match=r"'goldfish'.*'gold fish'"):
        RefDavis17Dataset(tmp_path).open_video("goldfish")


def test_pictures_have_the_size_that_is_stored(tmp_path: Path) -> None:
    build("ref-davis17", tmp_path)
    opened = RefDavis17Dataset(tmp_path).open_video("été")
    assert (opened.height, opened.width) == SIZE


@pytest.mark.parametrize(("change", "said"), [({"obj_id": "one"}, "expression 3"), ({}, "expression 3")])
def test_an_expression_without_its_object_is_an_error(change: dict[str, str], said: str, tmp_path: Path) -> None:
    expressions = {"3": {"exp": "a fish", **change}}
    assert said in broken(tmp_path, {"expressions": expressions})


def test_an_expression_without_words_costs_its_video_only(tmp_path: Path) -> None:
    build("mevis", tmp_path)
    path = tmp_path / "valid_u/meta_expressions.json"
    path.write_text(path.read_text().replace("a green circle", "", 1))
    dataset = MeViSDataset(tmp_path, "valid_u")
    with pytest.raises(InputError, match=r"meta_expressions\.json: expression 2 of -00d9: "):
        dataset.read_references("-00d9")
    assert len(dataset.read_references("1 b")) == 3


def test_a_video_without_frames_is_an_error(tmp_path: Path) -> None:
    assert "videos.gold fish.frames: " in broken(tmp_path, {"frames": []})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "expected a JSON object, got list"),
        ("{", ".*JSON"),
        ('{"10": [null, {"size": [64, 96]}]}', "mask 10, mask 1: "),
        ('{"10": [null, 5]}', "mask 10, mask 1: "),
        ('{"10": {"size": [64, 96], "counts": ""}}', "mask 10: "),
    ],
)
def test_masks_of_mevis_that_are_not_what_they_should_be_are_an_error(content: str, said: str, tmp_path: Path) -> None:
    build("mevis", tmp_path)
    (tmp_path / "valid_u/mask_dict.json").write_text(content)
    with pytest.raises(InputError, match=rf"mask_dict\.json: {said}"):
        list(next(MeViSDataset(tmp_path, "valid_u").read_cases("1 b", tmp_path)).truth)

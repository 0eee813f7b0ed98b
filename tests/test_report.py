from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alref.output.report import format_percent, format_time
from alref.output.thumbnails import resize_longest_side, sample_evenly
from alref.records import Phrase, PivotBox, Prompt, Recording, Reference, Track, Transcript, Verdict
from alref.result import Result
from alref.testing import ArrayVideo, make_moving_square
from alref.utils.masks import encode_mask
from support.report_reader import EVIL, Page, contains_in_order, picture, pivot, report, scene


@pytest.fixture(scope="module")
def html() -> str:
    return report(*scene())


@pytest.fixture(scope="module")
def read(html: str) -> Page:
    return Page(html)


def test_the_page_is_whole_and_needs_nothing_else(read: Page, html: str) -> None:
    assert read.open == []
    assert not [tag for tag, _ in read.elements if tag in ("script", "link", "iframe", "object", "base")]
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in read.all("img"))
    assert not re.search(r"url\(|@import|https?:", html)
    assert {link["href"] for link in read.all("a")} == {"overlay.mp4", "masks/", "result.json", "run.yaml"}
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
    assert len(html) < 400_000


def test_words_of_users_and_models_show_as_text(read: Page) -> None:
    assert read.text.count(EVIL) >= 7
    assert "I <b>cannot</b> say" in read.text
    assert not read.all("b")
    assert any(EVIL[:40] in image["alt"] for image in read.all("img"))


def test_each_reference_shows_its_verdict_reason_and_source(read: Page) -> None:
    for verdict in scene()[1].verdicts:
        assert read.shows(verdict.finding, verdict.source, verdict.why)


def test_fallbacks_are_marked_and_unfolded(read: Page) -> None:
    assert read.shows("fallback", scene()[1].pivots[0].why)
    assert len(read.all("span", "fallback")) == 2
    assert len([details for details in read.all("details") if "open" in details]) == 1


def test_warnings_are_shown_once(read: Page) -> None:
    _, result = scene()
    for warning in (*result.video.warnings, result.warnings[1], *result.phrases[0].warnings):
        assert read.text.count(warning) == 1


def test_decisions_say_why_where_and_what_was_taken(read: Page) -> None:
    _, result = scene()
    moving, unseen = result.boxes
    assert read.shows("4", "0.4 s", EVIL.rstrip('"'), "3", "2")
    assert read.shows(moving.source, moving.why, moving.raw)
    assert read.shows("9", "0.9 s", "barking dog", "0")
    assert read.shows(unseen.source, unseen.finding, unseen.why)
    assert read.shows("cat", result.pivots[2].source, "absent", result.pivots[2].why)


def test_the_chosen_box_is_highlighted_and_every_picture_described(read: Page) -> None:
    sheets = [image for image in read.all("img") if "candidate" in image["alt"]]
    chosen_alt, empty_alt = [image["alt"] for image in sheets]
    assert contains_in_order(chosen_alt, "4", "0.4 s", "3", "2", "10, 22, 40, 40")
    assert contains_in_order(empty_alt, "9", "0.9 s", "0")
    drawn = picture(sheets[0])
    assert drawn.shape == (240, 320, 3)
    chosen, other = drawn[140, 39:41].mean(axis=0), drawn[70, 16]
    assert chosen[0] - chosen[2] > 80
    assert other.min() > 150
    assert all(image["alt"] for image in read.all("img"))


def test_the_strip_shows_the_masks_of_its_own_reference_along_time(read: Page) -> None:
    video, result = scene()
    strips = [image for image in read.all("img") if "candidate" not in image["alt"]]
    assert len(strips) == 3 * 12
    assert [image["alt"].split()[1] for image in strips[:12]] == [str(frame) for frame in sample_evenly(20, 12)]
    own, absent = picture(strips[11]), picture(strips[35])
    plain = resize_longest_side(video.read_frame(19), 208).astype(int)
    assert abs(absent - plain).mean() < 5
    assert abs(own - plain)[60:95, 160:190].mean() > 20
    assert result.get_tracks("c") == []


def test_the_curve_says_what_it_shows(read: Page) -> None:
    labels = [svg["aria-label"] for svg in read.all("svg")]
    assert len(labels) == 2
    assert all(contains_in_order(label, "0 s", "1.9 s", "5.3 %") for label in labels)
    lines = [path["d"] for path in read.all("path", "line")]
    assert len(lines) == 2
    assert lines[1].startswith("M0.0 100.0L")
    assert lines[1].endswith("L1000.0 46.7")
    (span,) = read.all("rect", "heard")
    assert (float(span["x"]), float(span["width"])) == pytest.approx((263.2, 263.2), abs=0.1)
    assert read.shows("0.5 s", "1 s")
    assert read.shows("object 2", "barking dog", "10 of 20", "5.3 %")


def test_the_run_is_told(read: Page) -> None:
    for words in ("unifier 0.25", "propagator 12.50", "alref 1.2.3", "use: sam2"):
        assert words in read.text
    assert read.shows("20", "80 x 60", "0 s", "1.9 s")
    assert [span["style"] for span in read.all("span", "bar")] == ["width: 2.0%", "width: 100.0%"]


def test_a_given_box_is_shown_where_it_starts() -> None:
    video, masks = make_moving_square(3, (40, 40), 8)
    phrase = Phrase(reference="1", text="mask on frame 1")
    start = PivotBox(pivot=pivot(phrase, 1, source="user"), xyxy=[4, 16, 12, 24], mask=masks[1], source="user", why="given")
    result = Result(
        alref="1",
        video=video.get_info(),
        references=(Reference(id="1", prompts=(Prompt(mask=masks[1], frame=1),)),),
        boxes=(start,),
        tracks=(Track(phrase=phrase, rles=tuple(encode_mask(mask) for mask in masks), scores=(1.0,) * 3),),
        verdicts=(Verdict(reference="1", finding="found", why="given", source="user"),),
    )
    read = Page(report(video, result))

    assert read.shows("found", "user", "given")
    assert contains_in_order(read.all("img")[0]["alt"], "1", "0.1 s", "4, 16, 12, 24")


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 1, 1), (1, 16, 16), (2, 1, 90), (1000, 3, 3), (13, 90, 1)])
def test_every_size_and_length_has_a_report(frames: int, height: int, width: int) -> None:
    video = ArrayVideo(np.zeros((frames, height, width, 3), np.uint8), fps=30)
    video.times = video.times + 3000
    phrase = Phrase(reference="1", text="all", heard=((0, 9000),))
    rle = encode_mask(np.ones((height, width), np.bool_))
    result = Result(
        alref="1",
        video=video.get_info(),
        references=(Reference(id="1", text="all"),),
        tracks=(Track(phrase=phrase, rles=(rle,) * frames, scores=(1.0,) * frames),),
        verdicts=(Verdict(reference="1", finding="found", why="all of it"),),
    )
    read = Page(report(video, result))

    assert len(read.all("img")) == min(frames, 12)
    (line,) = read.all("path", "line")
    assert set(re.findall(r" (-?[\d.]+)(?=L|H|$)", line["d"])) == {"0.0"}
    assert line["d"].count("L") <= 400
    assert "50:00.0" in read.all("svg")[0]["aria-label"]


def test_an_object_that_is_never_heard_has_a_level_curve_at_zero() -> None:
    video, result = scene()
    nothing = (encode_mask(np.zeros((60, 80), np.bool_)),) * 20
    silent = Track(phrase=Phrase(reference="b", text="barking dog", heard=()), rles=nothing, scores=(0.9,) * 20)
    read = Page(report(video, result.model_copy(update={"tracks": (silent,)})))

    assert read.shows("0 of 20")
    (line,) = read.all("path", "line")
    assert set(re.findall(r" ([\d.]+)(?=L|$)", line["d"])) == {"100.0"}
    assert read.all("rect", "heard") == []


def test_a_long_video_keeps_its_average_share() -> None:
    video = ArrayVideo(np.zeros((4000, 2, 2, 3), np.uint8))
    empty, full = encode_mask(np.zeros((2, 2), np.bool_)), encode_mask(np.ones((2, 2), np.bool_))
    result = Result(
        alref="1",
        video=video.get_info(),
        references=(Reference(id="1", text="it"),),
        tracks=(Track(phrase=Phrase(reference="1", text="it"), rles=(empty, full) * 2000, scores=(1.0,) * 4000),),
        verdicts=(Verdict(reference="1", finding="found", why=""),),
    )
    (line,) = Page(report(video, result)).all("path", "line")

    assert set(re.findall(r" ([\d.]+)(?=L|$)", line["d"])) == {"50.0"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (0.0333, "0.03 s"), (59.9, "59.9 s"), (64.24, "1:04.2"), (3599.99, "60:00.0"), (119.96, "2:00.0")],
)
def test_clock(seconds: float, words: str) -> None:
    assert format_time(seconds) == words


@pytest.mark.parametrize(("share", "words"), [(0, "0 %"), (0.0533, "5.3 %"), (1, "100 %"), (0.00012, "0.012 %")])
def test_percent(share: float, words: str) -> None:
    assert format_percent(share) == words


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize("width", [1280, 500])
def test_in_a_browser_nothing_sticks_out(tmp_path: Path, html: str, width: int) -> None:
    quiet = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
    ]
    (tmp_path / "page.html").write_text(html.replace("width=device-width", f"width={width}"))
    shot = tmp_path / "shot.png"
    command = [str(BROWSER), "--headless", "--no-sandbox", *quiet, "--disable-sync", "--hide-scrollbars"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1000", f"--screenshot={shot}"]
    command += ["--blink-settings=preferredColorScheme=1", (tmp_path / "page.html").as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=60)

    with Image.open(shot) as image:
        pixels = np.array(image.convert("RGB"))
    assert (pixels[:, -4:] == 255).all()
    assert (pixels[:, :4] == 255).all()
    assert len(np.unique(pixels[:, width // 4 : width // 2].reshape(-1, 3), axis=0)) > 500


def test_a_spoken_reference_shows_its_file_and_what_was_said() -> None:
    video, result = scene()
    asked = Reference(id="q", spoken=Recording(path=Path("question.wav"), fingerprint="0"), sound=True)
    changes = {
        "references": (asked,),
        "transcripts": (Transcript(reference="q", text=f"the louder {EVIL}", language="en", span=(0.0, 1.5)),),
        "phrases": (Phrase(reference="q", text="the louder one", sounds=("Bark", "Rain")),),
        "verdicts": (Verdict(reference="q", finding="absent", why="nothing seen"),),
    }
    emptied = dict.fromkeys(("pivots", "candidates", "boxes", "tracks"), ())
    read = Page(report(video, result.model_copy(update=changes | emptied)))
    assert read.shows("question.wav", "absent", "rule", "nothing seen")
    assert read.shows(f"the louder {EVIL}".rstrip('"'), "en", "0 s", "1.5 s")
    assert read.shows("the louder one", "Bark", "Rain")

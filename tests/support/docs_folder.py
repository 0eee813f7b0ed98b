"""What a reader of the documentation has: a folder with a clip, data sets in miniature and files; and the models of the hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image
from transformers import GroundingDinoImageProcessorPil, PreTrainedModel

from alref.cli import demo_clip
from alref.llm.published_answers import BOXES_FILE, FRAMES_FILE
from alref.media.write import open_video_encoder
from alref.plugins.manager import PluginManager
from alref.testing import make_moving_square, write_frames
from support import tiny_audio_models, tiny_beats, tiny_detectors, tiny_models, tiny_sam2, tiny_sam3
from support.benchmark_fixtures import build, result
from support.clips import blocks, write_sound
from support.docs_commands import ROOT, read

BEATS = ("BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt", "BEATs_iter3_plus_AS20K_finetuned_on_AS2M_cpt2.pt")
DATA = {
    "mevis": "mevis",
    "ref-davis17": "ref-davis",
    "ref-youtube-vos": "ryvos",
    "avsbench-s4": "AVSBench",
    "avsbench-ms3": "AVSBench",
    "avsbench-avss": "AVSBench",
    "avsbench-v2-binary": "AVSBench",
    "ref-avs": "ref-avs",
}
"""The folder of each data set."""
SPOKEN = ("a", "a", "a", "<|0.00|>", "t", "h", "e", "<|2.00|>", "<|endoftext|>")
SECONDS = 14


PLUGIN = """
import alref
from alref_baseline.vision import LabelPropagator


class Mine(LabelPropagator):
    name = "mine"


@alref.hookimpl
def register_propagators():
    return [Mine]
"""


def models(folder: Path) -> dict[str, dict[str, bytes]]:
    """Make the models that the hub holds: their files by name, under the names of the real ones."""
    held: dict[str, dict[str, bytes]] = {}
    for place, (make, names) in enumerate(MODELS.items()):
        made = make(folder / str(place))
        files = {path.name: path.read_bytes() for path in made.iterdir()}
        held |= dict.fromkeys(names, files)
    return held


def _detector(folder: Path) -> Path:
    """Save a Grounding DINO that looks at pictures so large that its coarsest map has several places."""
    tiny_detectors.grounding_dino(folder)
    GroundingDinoImageProcessorPil(size={"shortest_edge": 128, "longest_edge": 192}).save_pretrained(folder)
    return folder


def _whisper(folder: Path) -> Path:
    return tiny_audio_models.whisper(folder, SPOKEN)


def _seeing(folder: Path) -> Path:
    return tiny_models.vision_model(folder, _decided)


def _decided(model: PreTrainedModel) -> None:
    """Let a quotation mark be likeliest wherever it may stand, then an f: no reason, and found."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
                weight.zero_()
        model.get_input_embeddings().weight.fill_(1)
        for likely, letter in enumerate('f"', 1):
            model.lm_head.weight[tiny_models.tokenizer().convert_tokens_to_ids(letter)] = likely


MODELS: dict[Callable[[Path], Path], tuple[str, ...]] = {
    _detector: ("IDEA-Research/grounding-dino-tiny", "IDEA-Research/grounding-dino-base"),
    tiny_detectors.mm_grounding_dino: (
        "iSEE-Laboratory/llmdet_tiny",
        "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_grit_v3det",
    ),
    tiny_detectors.owlv2: ("google/owlv2-base-patch16-ensemble",),
    tiny_sam2.save_sam2: (
        *(f"facebook/sam2.1-hiera-{size}" for size in ("tiny", "small", "base-plus", "large")),
        *(f"facebook/sam2-hiera-{size}" for size in ("small", "large")),
    ),
    tiny_sam2.save_edgetam: ("yonigozlan/EdgeTAM-hf",),
    tiny_sam3.save_sam3: ("facebook/sam3",),
    tiny_audio_models.languagebind: ("LanguageBind/LanguageBind_Audio_FT",),
    tiny_audio_models.ast: ("MIT/ast-finetuned-audioset-10-10-0.4593",),
    tiny_audio_models.clap: ("laion/clap-htsat-unfused",),
    tiny_audio_models.pe_a_frame: ("facebook/pe-a-frame-base",),
    _whisper: ("openai/whisper-small", "openai/whisper-tiny", "openai/whisper-large-v3-turbo"),
    _seeing: ("Qwen/Qwen3-VL-4B-Instruct",),
}


def stock(folder: Path) -> Path:
    """Write everything that a reader of any page has."""
    clip(folder / "clip.mp4")
    write_frames(make_moving_square(frames=6)[0], folder / "frames")
    for name in ("N9C6lUwxuvE", "-OTbClCJQKs"):
        write_frames(make_moving_square(frames=5)[0], folder / name)
    for name in ("cup.png", "mug.png"):
        Image.fromarray(demo_clip.compute_masks()["the red ball"][24].astype(np.uint8) * 255).save(folder / name)
    write_sound(folder / "question.wav", tiny_audio_models.rising(2.0)[None], "pcm_s16le")
    (folder / "videos").mkdir()
    for number in range(2):
        video, _ = make_moving_square(frames=4, seed=number)
        with open_video_encoder(folder / "videos" / f"clip-{number}.mp4", video.times.tolist()) as encoder:
            for frame in video:
                encoder.write_frame(frame)
    (folder / "videos.csv").write_text("video,expressions\nclip.mp4,the red ball\nframes,the square\n")
    (folder / "mine.yaml").write_text("spatial: top-score\n")
    shown = read(ROOT / "docs" / "ablations.md")
    (folder / "grid.yaml").write_text(next(each.text for each in shown if each.language == "yaml"))
    for name in ("mine.py", "my_plugin.py", "my-plugin.py"):
        (folder / name).write_text(PLUGIN)
    (folder / "my-box.txt").write_text("Which of {{ boxes }} is {{ phrase }}?\n")
    for seed, name in enumerate(BEATS):
        tiny_beats.save(folder / name, tiny_beats.contents(seed))
    for name, place in DATA.items():
        build(name, folder / place)
    segments(folder)
    tiny_sam2.save_sam2(folder / "tiny-sam2")
    answers(folder / "gpt_results" / "s4")
    masks(folder)
    return folder


def clip(path: Path) -> None:
    """Write fourteen frames of the demonstration in as many seconds, with a tone that comes and goes."""
    time = np.arange(SECONDS * 16_000) / 16_000
    tone = (np.sin(2 * np.pi * 440 * time) * (np.sin(time) > 0) / 2).astype(np.float32)
    with av.open(str(path), "w") as file:
        seen, heard = file.add_stream("libx264", rate=1), file.add_stream("aac", rate=16_000, layout="mono")
        seen.height, seen.width = demo_clip.SIZE
        seen.pix_fmt = "yuv420p"
        for number, pixels in enumerate(demo_clip.draw_frames()[::2][:SECONDS]):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1)
            file.mux(seen.encode(frame))
        file.mux(seen.encode())
        for block in blocks(tone[None], 0, size=1024):
            file.mux(heard.encode(block))
        file.mux(heard.encode())


def segments(folder: Path) -> None:
    """Write segments of the sound of each clip, in the files and under the names of the authors."""
    for name in ("ms3", "avss", "v2_binary"):
        dataset = f"avsbench-{name.replace('_', '-')}"
        clips = PluginManager().get_dataset(dataset)(folder / DATA[dataset]).list_videos()
        path = folder / "audio_segment" / f"{name}_audio_segment.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({clip: [[0, 2], [2, 4]] for clip in clips}))


def answers(folder: Path) -> None:
    """Write published answers for clips of the folder and of the data set in miniature."""
    folder.mkdir(parents=True)
    frames = {"N9C6lUwxuvE": "{'marimba': 3}", "-OTbClCJQKs": "{'cat': 1}", "-5Xy": "{'dog': 2}", "_aB c": "{'violin': 5}"}
    (folder / FRAMES_FILE).write_text(json.dumps(frames))
    (folder / BOXES_FILE).write_text(json.dumps({"N9C6lUwxuvE": "1"}))


def masks(folder: Path) -> None:
    """Write what another program made of MeViS: nothing is found."""
    dataset = PluginManager().get_dataset("mevis")(folder / "mevis", "valid_u")
    for video in dataset.list_videos():
        dataset.write_masks(
            result(dataset, video, {}), video, folder / "my-results", lambda names, vocabulary: [None for _ in names]
        )

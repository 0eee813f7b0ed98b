"""The kinds of plugins that ``alref plugins new`` writes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PluginKind:
    """A kind of plugin: its base class, the hook that registers it, and the summary and requirements of the example.

    ``slots`` are the slots that it fills, none for a dataset, an export format or a logger; ``use`` and ``check`` are commands.
    ``model`` is the summary of the example with a model, empty if there is none.
    """

    base: str
    hook: str
    slots: tuple[str, ...]
    does: str
    needs: tuple[str, ...]
    use: str
    check: str = "plugins check {name}"
    model: str = ""


PLUGIN_KINDS = {
    "unifier": PluginKind(
        "Unifier",
        "register_unifiers",
        ("unifier",),
        "Splits an expression at the words between two objects.",
        (),
        'run clip.mp4 "the dog and the cat" --unifier {name}',
    ),
    "tagger": PluginKind(
        "Tagger",
        "register_unifiers",
        ("tagger",),
        "Names a sound a hum or a whistle, by its pitch.",
        (),
        "run clip.mp4 --sound --tagger {name}",
        model="Names a sound with an ONNX model.",
    ),
    "transcriber": PluginKind(
        "Transcriber",
        "register_unifiers",
        ("transcriber",),
        "Reads the words of an audio file from its title.",
        ("av",),
        "run clip.mp4 --spoken question.wav --transcriber {name}",
        "plugins check {name} --spoken question.wav",
    ),
    "locator": PluginKind(
        "Locator",
        "register_unifiers",
        ("locator",),
        "Finds the seconds in which the sound is loud.",
        (),
        "run clip.mp4 --sound --locator {name}",
    ),
    "reasoner": PluginKind(
        "Reasoner",
        "register_reasoners",
        ("temporal", "spatial"),
        "Starts from the sharpest frame and the largest box.",
        ("cv2",),
        'run clip.mp4 "the dog" --reasoner {name}',
    ),
    "proposer": PluginKind(
        "Proposer",
        "register_proposers",
        ("proposer",),
        "Proposes regions whose color stands out from the frame.",
        ("cv2",),
        'run clip.mp4 "the dog" --proposer {name}',
        model="Proposes regions that an ONNX model scores highly.",
    ),
    "propagator": PluginKind(
        "Propagator",
        "register_propagators",
        ("propagator",),
        "Tracks each object by the colors inside its box.",
        ("cv2",),
        'run clip.mp4 "the dog" --propagator {name}',
        model="Tracks each object with an ONNX model.",
    ),
    "tracker": PluginKind(
        "Tracker",
        "register_trackers",
        ("tracker",),
        "Follows regions whose color stands out from the frame.",
        ("cv2", "pycocotools"),
        'run clip.mp4 "the dog" --order tracks --tracker {name}',
    ),
    "selector": PluginKind(
        "TrackReasoner",
        "register_reasoners",
        ("selector",),
        "Names the last word, and picks the largest track.",
        (),
        'run clip.mp4 "the dog" --order tracks --selector {name}',
    ),
    "exporter": PluginKind(
        "Exporter",
        "register_exporters",
        (),
        "A table with the box of each object on each frame.",
        (),
        "export RUN --as {name}",
    ),
    "dataset": PluginKind(
        "Dataset",
        "register_datasets",
        (),
        "Reads folders of frames and masks, and an index of expressions.",
        (),
        "eval {name} --data FOLDER",
        "plugins check {name} --data FOLDER",
    ),
    "logger": PluginKind(
        "EvaluationLogger",
        "register_loggers",
        (),
        "Writes the numbers of an evaluation to a JSON file.",
        (),
        "eval DATASET --data FOLDER --logger {name}",
    ),
}

"""Print how the code is named and layered: ``python scripts/measure_house.py [--trace]``.

Functions are those of ``alref`` and ``plugins`` without dunder methods, properties, classmethod constructors (``from_...``) and
hooks. ``--trace`` also counts the modules and functions of the project that one run of the default pipeline enters once
plugins are loaded and the configuration is resolved, and those that one question to a language model enters.
"""

from __future__ import annotations

import argparse
import ast
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from inspect import CO_OPTIMIZED
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
_VERBS = """
accept add align append apply are ask assert assign attach autocast average bind blend box build cache calibrate call can
cancel center chat check choose clamp clean clear clip close collect color combine compare compile complete compose compress
compute concatenate configure connect construct convert copy correct count create crop cut deactivate decide declare decode
delete denoise derive describe detect diff digest disable discard discover display divide download draw drop dump edit embed
emit enable encode end enforce enlarge ensure enter enumerate erase escape estimate evaluate examine exclude execute exit
expand explain export extend extract fail fetch fill filter find finish fit fix flag flatten flush fold follow format
forward free freeze gather generate get give group grow guess handle has hash hide hold identify ignore import include
increase index infer inherit init initialize insert inspect install interpolate intersect invoke is iterate join keep label
lack launch learn leave limit link list listen load locate lock log look lower make map mark mask match mean measure merge
migrate mix move must name narrow need needs normalize note notify observe omit open order overlap overlay override pack pad
parse patch pause pick place plan plot point pool pop postprocess predict prefer prepare preprocess print probe process
produce project promise propagate propose prove provide prune publish pull push put quote raise rank read rebuild recall
receive recognize record recover reduce refine refuse register reject release reload remember remove rename render reopen
reorder repair repeat replace replay report request require resample reserve reset reshape resize resolve restart restore
restrict resume retry return reuse reverse review revise rewind rewrite rotate round run sample sanitize save scale scan
schedule score scroll search seek segment select send separate serialize serve set settle shift should show shrink shuffle
sign simplify skip slice smooth sort spawn split spread stack start step stop store stream strip submit subtract suggest sum
summarize supports swap sweep switch synchronize tag take tell test threshold tile to tokenize trace track train transcribe
transfer transform translate transpose trim truncate trust try tune turn undo unify uninstall unpack update upload upsample
use uses validate verify visit wait walk warm warn was weigh weight with wrap write yield zoom
"""
VERBS = frozenset(_VERBS.split())
"""First words by which a function's name says what it does."""
HOOKS = ("register_", "stage_", "question_answered")


@dataclass(frozen=True)
class Function:
    """A function or method: its name, the file that holds it, its length in lines, and its decorators."""

    name: str
    path: Path
    lines: int
    decorators: frozenset[str]

    @property
    def words(self) -> list[str]:
        """The words of its name without leading underscores."""
        return self.name.strip("_").split("_")


def find_files(*tops: str) -> list[Path]:
    """List the Python files below the given folders of the repository."""
    return sorted(path for top in tops for path in (ROOT / top).rglob("*.py"))


def list_decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the last names of a function's decorators: ``{"property"}``."""
    names = (decorator.func if isinstance(decorator, ast.Call) else decorator for decorator in node.decorator_list)
    return {ast.unparse(name).rpartition(".")[2] for name in names}


def is_counted(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether the rules of naming hold for a function."""
    name, decorators = node.name, list_decorators(node)
    constructor = "classmethod" in decorators and name.startswith("from_")
    free = decorators & {"property", "cached_property", "setter"}
    return not (name.startswith("__") or free or constructor or name.startswith(HOOKS))


def list_functions(paths: list[Path]) -> list[Function]:
    """List the functions of files for which the rules of naming hold."""
    found = []
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_counted(node):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                found.append(Function(node.name, path, lines, frozenset(list_decorators(node))))
    return found


def list_public_classes(paths: list[Path]) -> Counter[str]:
    """Count the public classes at the top of modules by name."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in paths)
    return Counter(node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_")


def get_last_name(node: ast.AST) -> str:
    """Return the last name of an expression: ``c`` for ``a.b.c``; empty for anything that is not a name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def begins_with_verb(function: Function) -> bool:
    """Return whether the first word of a function's name is a verb."""
    return function.words[0] in VERBS


def find_small_helpers(functions: list[Function], paths: list[Path]) -> list[Function]:
    """List private functions of at most four lines that one place calls and that could be inlined there.

    Left out are methods that a file overrides, functions with a decorator such as ``cache``, and those passed as a value.
    """
    definitions = Counter((function.path, function.name) for function in functions)
    uses: Counter[tuple[Path, str]] = Counter()
    calls: Counter[tuple[Path, str]] = Counter()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            uses[path, get_last_name(node)] += 1
            calls[path, get_last_name(node.func) if isinstance(node, ast.Call) else ""] += 1
    small = (function for function in functions if function.name.startswith("_") and function.lines <= 4)
    plain = (function for function in small if function.decorators <= {"staticmethod", "classmethod"})
    places = ((function, (function.path, function.name)) for function in plain)
    return [function for function, place in places if uses[place] == calls[place] == definitions[place] == 1]


def walk_imports(node: ast.AST) -> Iterator[str]:
    """Yield the modules that are imported below a node, in functions too, without what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from walk_imports(child)


def get_room(module: str) -> str:
    """Return the room of a module: ``media`` for ``alref.media.draw``, the package itself for a plugin."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] or first if first == "alref" else first


def build_room_graph() -> dict[str, set[str]]:
    """Return which rooms each room of ``alref`` and ``plugins`` imports."""
    graph: dict[str, set[str]] = {}
    for top in ("alref", "plugins"):
        for path in find_files(top):
            relative = path.relative_to(ROOT if top == "alref" else ROOT / top).with_suffix("")
            room = get_room(".".join(relative.parts).removesuffix(".__init__"))
            imported = {
                get_room(name) for name in walk_imports(ast.parse(path.read_text(encoding="utf-8"))) if name.startswith("alref")
            }
            graph.setdefault(room, set()).update(imported - {room})
    rooms = graph.keys() - {"alref"}
    return {room: graph[room] & rooms for room in rooms}


def count_floors(graph: dict[str, set[str]]) -> int:
    """Return the length of the longest chain of imports between rooms."""
    floors: dict[str, int] = {}
    for room in TopologicalSorter(graph).static_order():
        floors[room] = 1 + max((floors[below] for below in graph[room]), default=0)
    return max(floors.values())


def trace_calls(call: Callable[[], object]) -> tuple[int, int]:
    """Return how many modules and functions of the project a call enters, in all its threads.

    The test video is not counted, nor imports: what a module calls when it is imported, and the lazy names of ``alref``.
    """
    entered: set[tuple[str, str]] = set()
    uncounted = (
        *(str(ROOT / name) for name in (".venv", "alref/testing", "alref/media/array_video.py", "alref/__init__.py")),
        __file__,
    )

    def record(frame: object, event: str, argument: object) -> None:
        code = frame.f_code  # type: ignore[attr-defined]
        if (
            event == "call"
            and code.co_filename.startswith(str(ROOT))
            and not code.co_filename.startswith(uncounted)
            and code.co_flags & CO_OPTIMIZED
            and code.co_name[0] != "<"
            and frame.f_back.f_code.co_name != "<module>"  # type: ignore[attr-defined]
        ):
            entered.add((code.co_filename, code.co_qualname))

    threading.setprofile(record)
    sys.setprofile(record)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return len({path for path, _ in entered}), len(entered)


def trace_run() -> tuple[int, int]:
    """Return how many modules and functions one run of the default pipeline enters."""
    from alref.pipeline.engine import Pipeline
    from alref.records import Reference
    from alref.testing import make_moving_square

    video, _ = make_moving_square(frames=8, size=(96, 128), side=32)
    with Pipeline() as pipeline:
        return trace_calls(lambda: pipeline.run(video, [Reference(id="1", text="the red square")]))


def trace_question() -> tuple[int, int]:
    """Return how many modules and functions one question about one phrase enters."""
    from alref.llm.messages import Answer, Question
    from alref.llm.options import ChatOptions
    from alref.llm.reasoner import ChatReasoner
    from alref.testing import SQUARE, make_moving_square

    class FirstFrame(ChatReasoner):
        name = "first-frame"

        def chat(self, question: Question) -> Answer:
            text = '{"why": "it is whole there", "finding": "found", "frame": 1}'
            return Answer.model_validate({"text": text, "model": "first-frame"})

    video, _ = make_moving_square(frames=8)
    with TemporaryDirectory() as folder:
        options = {"answers": Path(folder) / "answers.sqlite", "max_questions": 1}
        reasoner = FirstFrame(ChatOptions.model_validate(options))
        counts = trace_calls(lambda: reasoner.pick_frames(video, [SQUARE]))
        reasoner.close()
    return counts


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trace", action="store_true", help="also trace one run of the default pipeline")
    traced = parser.parse_args().trace
    paths = find_files("alref", "plugins")
    functions = list_functions(paths)
    verbs, single = sum(map(begins_with_verb, functions)), sum(len(function.words) == 1 for function in functions)
    private = sum(function.name.startswith("_") for function in functions)
    graph = build_room_graph()
    print(f"modules in alref/: {len(list((ROOT / 'alref').glob('*.py')))}")
    count = len(functions)
    print(f"functions: {count}, {verbs / count:.0%} begin with a verb, {single / count:.0%} are one word")
    small = find_small_helpers(functions, paths)
    print(
        f"private helpers of at most four lines with one caller: {len(small)}, {len(small) / private:.0%} of private functions"
    )
    print(f"rooms: {len(graph)}, arrows: {sum(map(len, graph.values()))}, floors: {count_floors(graph)}")
    if traced:
        print("one run of the default pipeline: {} modules, {} functions".format(*trace_run()))
        print("one question to a language model: {} modules, {} functions".format(*trace_question()))


if __name__ == "__main__":
    main()

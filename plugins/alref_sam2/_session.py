"""One video with all its objects: prompts, memories and features, in the order of the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from alref.media.video import Video
from alref.records import PivotBox
from alref_sam2._batch_limiter import Room
from alref_sam2._feature_cache import FeatureStore, room_on
from alref_sam2._images import Pictures, at_video, corners_of, mask_of
from alref_sam2._memory_bank import Bank, Memory, Reading, Rule
from alref_sam2._motion_model import Motion
from alref_sam2._network import Features, Network, Seen
from alref_sam2.visit_plan import Visit, start, visits

Prompts = dict[int, PivotBox]
"""The pivot boxes of one object by frame."""
Found = list[tuple[list[int], Seen]]
"""What is seen of groups of objects."""


@dataclass(frozen=True)
class Step:
    """What one visit gives: of ``objects``, mask logits (n, 1, h, w) at low resolution and logits (n,) that they are there."""

    frame: int
    objects: tuple[int, ...]
    logits: torch.Tensor
    scores: torch.Tensor


@dataclass(frozen=True)
class Settings:
    """How a session works: start from the box itself, choose among memories, bytes of features."""

    from_box: bool
    selected: bool
    feature_bytes: int


class Session:
    """Follows objects through a video. ``warn`` is told in words when the memory is full."""

    def __init__(
        self,
        network: Network,
        pictures: Pictures,
        video: Video,
        prompts: Sequence[Prompts],
        settings: Settings,
        warn: Callable[[str], None],
    ) -> None:
        self._network, self._pictures, self._video = network, pictures, video
        self._prompts, self._settings = prompts, settings
        self._plan = visits([sorted(each) for each in prompts], len(video))
        rule = _rule(network, settings.selected)
        self._banks = [Bank(start(sorted(each)), rule) for each in prompts]
        self._motions: dict[tuple[int, bool], Motion] = {}
        order, budget = [visit.frame for visit in self._plan], settings.feature_bytes
        self._store = FeatureStore(order, self._encoded, network.device, budget, room_on(network.device))
        self._room = Room(network.device, self._store, warn)

    def steps(self) -> Iterator[Step]:
        """Yield what each visit gives; each object comes once for each frame.

        The next frame is read after the device was told what to do, and before anybody waits for it.
        """
        following: list[Visit | None] = [*self._plan, None][1:]
        for visit, after in zip(self._plan, following, strict=True):
            features = self._room.insist(partial(self._store.take, visit.frame))
            found = self._prompted(visit, features) + self._followed(visit, features)
            if after is not None and not self._store.has(after.frame):
                self._pictures.look_ahead(after.frame)
            objects = tuple(index for group, _ in found for index in group)
            logits, scores = (torch.cat(each) for each in zip(*((seen.logits, seen.scores) for _, seen in found), strict=True))
            yield Step(visit.frame, objects, logits, scores)

    def size(self) -> int:
        """Bytes of memories and features that are kept."""
        return self._store.size() + sum(bank.size() for bank in self._banks)

    def _encoded(self, frame: int) -> Features:
        return self._network.encode(self._pictures.take(frame))

    def _prompted(self, visit: Visit, features: Features) -> Found:
        found: Found = []
        for index in visit.prompt:
            seen, memories = self._room.insist(partial(self._start, features, self._prompts[index][visit.frame]))
            self._banks[index].give(visit.frame, Memory(memories[0], seen.pointers[0]))
            found.append(([index], seen))
        return found

    def _start(self, features: Features, box: PivotBox) -> tuple[Seen, torch.Tensor]:
        """See an object from its prompt, and return what is remembered of it."""
        seen = self._from_prompt(features, box)
        return seen, self._network.memorise(features, seen, given=True)

    def _from_prompt(self, features: Features, box: PivotBox) -> Seen:
        size, device, mask = self._network.image_size, self._network.device, box.mask
        if mask is None:
            assert box.xyxy is not None, "a prompt is a box or a mask"
            corners = corners_of(box.xyxy, self._video, size, device)
            if self._settings.from_box:
                return self._network.from_box(features, corners)
            mask = at_video(self._network.image_mask(features, corners), self._video)[0]
        return self._network.from_mask(features, mask_of(mask, size, device))

    def _followed(self, visit: Visit, features: Features) -> Found:
        """Follow the objects of a visit, those that read alike in as few calls as fit into the memory."""
        found: Found = []
        readings = {index: self._banks[index].read(visit.frame, visit.reverse) for index in visit.follow}
        waiting = _alike(readings)
        while waiting:
            group = waiting.pop(0)
            tokens = sum(len(each) for _, each in readings[group[0]].features)
            most = self._room.most(tokens)
            group, rest = group[:most], group[most:]
            waiting = [rest, *waiting] if rest else waiting
            work = partial(self._follow, features, [readings[index] for index in group])
            made = self._room.attempt(work, len(group), tokens)
            if made is None:
                waiting = [group, *waiting]
                continue
            self._remember(visit, group, *made)
            found.append((group, made[0]))
        return found

    def _follow(self, features: Features, readings: list[Reading]) -> tuple[Seen, torch.Tensor]:
        """See objects that read alike, and return what is remembered of them."""
        seen = self._network.follow(features, readings, len(self._video))
        return seen, self._network.memorise(features, seen, given=False)

    def _remember(self, visit: Visit, group: list[int], seen: Seen, memories: torch.Tensor) -> None:
        for row, index in enumerate(group):
            trusted = not self._settings.selected or self._trusts(index, visit.reverse, seen, row)
            memory = Memory(memories[row].clone(), seen.pointers[row].clone(), trusted)
            self._banks[index].remember(visit.frame, memory, visit.reverse)

    def _trusts(self, index: int, reverse: bool, seen: Seen, row: int) -> bool:
        motion = self._motions.setdefault((index, reverse), Motion())
        return motion.trusts(seen.logits[row, 0], float(seen.scores[row]), float(seen.quality[row]))


def _rule(network: Network, selected: bool) -> Rule:
    config = network.config
    return Rule(config.num_maskmem - 1, config.max_object_pointers_in_encoder - 1, config.max_cond_frame_num, selected)


def _alike(readings: dict[int, Reading]) -> list[list[int]]:
    """Gather objects that read as many memories and pointers."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, reading in readings.items():
        groups.setdefault(reading.shape, []).append(index)
    return list(groups.values())

"""Reads the events of one object's expression into what is said of it.

A clause is a row of noun phrases. The first is the object; each later one was opened by a preposition, a verb or a word such as
"wearing", and is a part of something before it or another object that it stands in a relation to.
"""

from __future__ import annotations

from collections.abc import Sequence

from alref_baseline.inflection import singular
from alref_baseline.lexicon import listed, lookup
from alref_baseline.noun_phrase import Noun
from alref_baseline.tokenizer import Event, words
from alref_baseline.verbs import guess, verb

_OPPOSITE = {"left": "right", "right": "left", "top": "down", "bottom": "up"}
_HEADING = {"left": "left", "right": "right", "top": "up", "bottom": "down"}
_RELATIVE = {"top": "on", "bottom": "under", "middle": "inside", "closest": "front", "farthest": "behind"}
_OPENED_BY_PART_WORDS = frozenset(("in", "with", "wear"))


class Clause:
    """The object of a row of events: ``main``, filled in by reading the events in order."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.main = Noun()
        self.open: Noun | None = self.main
        self.opened_by = "main"
        self.expects = ""
        self.verb = ""
        self.helper = ""
        self._person = self.main
        for place, event in enumerate(events):
            self._ahead = events[place + 1 : place + 3]
            getattr(self, f"_{event.kind}")(event)
        self._close()

    @property
    def told(self) -> bool:
        """Whether more than a noun phrase and its place was read."""
        return bool(self.main.relations or self.main.motions or self.main.part_colours or self.main.unused)

    def _target(self) -> Noun:
        """Return the noun phrase that a describing word belongs to: the open one, else the object itself."""
        return self.open if self.open is not None else self.main

    def _start(self, how: str) -> None:
        self._close()
        self.open, self.opened_by, self.verb, self.expects = Noun(), how or "with", "", ""

    def _close(self) -> None:
        noun, how = self.open, self.opened_by
        self.open = None
        if noun is None or noun is self.main:
            return
        if not noun.words and noun.adjectives:
            noun.words = [noun.adjectives.pop()]
        if noun.empty or (noun.words and noun.words[-1] in words("frame_words") and not noun.colours):
            return
        self._attach(noun, how)

    def _attach(self, noun: Noun, how: str) -> None:
        """File a finished noun phrase as a part, as a relation, or as not used."""
        entry = lookup(" ".join(noun.words))
        is_part = how in _OPENED_BY_PART_WORDS and (entry.group in ("wear", "parts") or not noun.words)
        owner = self._person if lookup(" ".join(self._person.words)).person else self.main
        if how == "without":
            self.main.unused += ["without", *noun.words]
        elif is_part and noun.colours:
            owner.part_colours += noun.colours
        elif is_part and not entry.classes:
            owner.unused += [*noun.adjectives, *noun.words]
        elif noun.words:
            inside = "with" if is_part else "inside"
            self._relate(noun, {"in": inside, "wear": "with", "of": "with", "away": "near"}.get(how, how))
        if entry.person and not is_part:
            self._person = noun

    def _relate(self, noun: Noun, how: str) -> None:
        if how in _HEADING and noun.words == self.main.words:
            self.main.positions.append(how)
        else:
            self.main.relations.append((how, noun))

    def _relation(self, event: Event) -> None:
        self._start(event.value)

    def _heading(self, event: Event) -> None:
        """Take "up" and "down": where something goes, or what it is on."""
        if self.verb == "moving":
            self.main.motions.append(event.value)
        self._start("on")

    def _infinitive(self, event: Event) -> None:
        self._close()
        self.helper = event.value

    def _opens(self, event: Event) -> None:
        if event.value == "of" and self.open is not None and self._measures(self.open):
            self.open.words.clear()
            self.open.generic = False
            return
        if event.value == "away":
            self.main.motions.append("away")
        self._start(event.value)

    def _measures(self, noun: Noun) -> bool:
        """Say whether the noun before "of" only counts or cuts: "a group of", "one of", "the larger of"."""
        return all(singular(word) in words("quantities") for word in noun.words[-1:])

    def _and(self, event: Event) -> None:
        if self.open is None or self.open.named:
            self.expects = self.opened_by if self.open is not None and self.opened_by != "main" else ""
            self._close()

    def _side(self, event: Event) -> None:
        sides = event.value.split()
        if event.relative and self.main.named:
            self._start(_RELATIVE.get(sides[0], sides[0]))
        elif self._is_garment(event):
            self._target().words.append("top")
        elif event.cue == "from" and self.main.ordinal:
            self.main.origin = sides[0]
        elif self.verb == "moving" and event.cue in ("", "to", "toward", "towards", "from"):
            headings = _OPPOSITE if event.cue == "from" else _HEADING
            self.main.motions += [headings[side] for side in sides if side in headings]
        elif self.verb == "neutral" and event.cue in ("", "to", "toward", "towards"):
            self.main.unused += sides
        else:
            self._place(sides, event)

    def _is_garment(self, event: Event) -> bool:
        inside = self.open is not None and self.opened_by in _OPENED_BY_PART_WORDS
        return inside and event.value == "top" and not event.cue and not self._target().words

    def _place(self, sides: list[str], event: Event) -> None:
        after = event.cue or self.open is None or self.open.words
        noun = self.main if after else self._target()
        for side in sides:
            (noun.superlatives if side in ("closest", "farthest") else noun.positions).append(side)
        if after and self.main.named:
            self._close()

    def _superlative(self, event: Event) -> None:
        noun = self.main if self.open is None or self.open.words else self.open
        noun.superlatives.append(words("superlatives").get(event.value, event.value))

    def _ordinal(self, event: Event) -> None:
        self._target().ordinal = words("ordinals")[event.value]

    def _determiner(self, event: Event) -> None:
        self._begin(article=True)

    def _owner(self, event: Event) -> None:
        self._begin(event.article)
        self.main.relations.append(("with", Noun(words=[event.value])))

    def _colour(self, event: Event) -> None:
        self._begin(event.article or bool(self.expects))
        alone = not self._leads(("word", "colour", "size", "and"))
        if alone and event.article and self._target().empty and lookup(event.value).group == "food":
            self._target().words.append(event.value)
        else:
            self._target().colours.append(words("colours")[event.value])

    def _size(self, event: Event) -> None:
        self._begin(event.article or bool(self.expects))
        if self._compound(event.value) or (event.value == "baby" and not self._leads(("word", "colour", "size"))):
            self._target().words.append(event.value)
        else:
            self._target().size = words("sizes")[event.value]

    def _motion(self, event: Event) -> None:
        if self.open is not None and not self.open.named and event.value in ("closer", "moving", "still"):
            self._premodify(event)
            return
        self.main.motions.append(event.value)
        self._close()
        self.verb = "moving" if event.value != "still" else "still"

    def _premodify(self, event: Event) -> None:
        noun = self._target()
        if event.value == "closer":
            noun.superlatives.append("closest")
        else:
            noun.motions.append(event.value)

    def _skip(self, event: Event) -> None:
        self.main.unused.append(event.value)
        self._close()
        self.verb = "neutral"

    def _begin(self, article: bool) -> None:
        """Open a noun phrase where an article, a number, a possessive or the verb before it demands one."""
        if article and (self.open is None or self.open.named):
            self._start(self.expects)

    def _leads(self, kinds: tuple[str, ...]) -> bool:
        """Say whether the next event is of one of these kinds."""
        return bool(self._ahead) and self._ahead[0].kind in kinds

    def _compound(self, word: str) -> bool:
        """Say whether a describing word begins a noun of the lexicon: "hot dog", "high chair", "hot air balloon"."""
        following = [event.value for event in self._ahead]
        return any(listed(" ".join([word, *following[:count]])) for count in range(1, len(following) + 1))

    def _word(self, event: Event) -> None:
        word = event.value
        self._begin(event.article)
        if word in words("skipped") or (word in words("shades") and self._leads(("colour",))):
            return
        if word in words("pointers") and not (word == "that" and self.main.named):
            self._begin(article=True)
        elif self._links(word):
            self._link(word)
        elif word in words("part_adjectives") and not self._target().words:
            self._paint_part(word)
        elif self.open is not None and not self.open.named and self._premodifies(word):
            self.open.motions += guess(word).motions(self.helper)
        elif self._acts(word):
            self._act(word)
        elif word in words("adjectives") and not self._compound(word):
            self._target().adjectives.append(word)
        elif word in words("generic") and not self._target().words:
            self._target().generic = True
        elif self._is_adverb(word):
            self.main.unused.append(word)
        else:
            self._name(word)

    def _paint_part(self, word: str) -> None:
        """Take "black-haired", "white-faced": the colour is that of a part."""
        noun = self._target()
        if noun.colours:
            noun.part_colours.append(noun.colours.pop())
        else:
            noun.adjectives.append(word)

    def _is_adverb(self, word: str) -> bool:
        if self.open is None:
            return word in words("adverbs") or word.endswith("ly")
        return bool(self.open.words) and word.endswith("ly") and not lookup(word).found_by

    def _links(self, word: str) -> bool:
        return word in words("auxiliaries") or word in words("relativisers")

    def _link(self, word: str) -> None:
        """Take "is", "that", "who": what follows is said of the object."""
        if word in words("auxiliaries"):
            self.helper = word
        if self.main.named and not (self.opened_by == "with" and word in words("auxiliaries")):
            self._close()
            self.expects, self.verb = "", ""

    def _name(self, word: str) -> None:
        if self.open is None:
            self._start(self.expects)
        self._target().words.append(word)

    def _acts(self, word: str) -> bool:
        """Decide whether a word is a verb here: its form, and whether a noun came before it, say so."""
        form = guess(word).form
        noun = self.open
        if not form or noun is None:
            return bool(form)
        if not noun.named:
            return form == "ing" and (bool(self.helper) if noun is self.main else not noun.empty)
        if not verb(word).form and listed(" ".join([*noun.words, word])):
            return False
        if form == "s":
            living = lookup(" ".join(noun.words)).group in ("people", "animals", "vehicles")
            return living or not lookup(word).found_by
        return form in ("ing", "ed") or (form == "base" and noun.many)

    def _premodifies(self, word: str) -> bool:
        """Say whether a verb's form stands before its noun: "running dog", "burnt toast"; a "frying pan" is one noun."""
        known = guess(word)
        if (
            known.form not in ("ing", "ed")
            or not known.kinds
            or not self._leads(("word", "colour", "size"))
            or self._ahead[0].article
        ):
            return False
        return not self._compound(word) and lookup(f"{word} {self._ahead[0].value}").found_by != "class name"

    def _act(self, word: str) -> None:
        kinds = guess(word).kinds
        motions = guess(word).motions(self.helper)
        self._close()
        self.main.motions += motions
        if kinds <= {"neutral"}:
            self.main.unused.append(word)
        self.verb = "moving" if "moving" in motions else "still" if "still" in motions else "neutral"
        self.expects = "on" if "riding" in kinds else "wear" if "wearing" in kinds else "with"

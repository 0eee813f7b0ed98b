"""Parse the events of one object into noun phrases with attributes, parts and relations.

A clause is a sequence of noun phrases. The first is the object. Each later one is opened by a preposition, a verb or a word
such as "wearing"; it is a part of an earlier phrase, or another object with a relation to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from alref_baseline.inflection import make_singular
from alref_baseline.lexicon import is_listed, look_up_noun
from alref_baseline.noun_phrase import NounPhrase
from alref_baseline.tokenizer import ParseEvent, get_word_table
from alref_baseline.verbs import guess_verb, look_up_verb

_OPPOSITE_HEADINGS = {"left": "right", "right": "left", "top": "down", "bottom": "up"}
_HEADINGS = {"left": "left", "right": "right", "top": "up", "bottom": "down"}
_SIDE_RELATIONS = {"top": "on", "bottom": "under", "middle": "inside", "closest": "front", "farthest": "behind"}
_OPENED_BY_PART_WORDS = frozenset(("in", "with", "wear"))


class ClauseParser:
    """Parse a sequence of events in order; the object is ``main``."""

    def __init__(self, events: Sequence[ParseEvent]) -> None:
        self.main = NounPhrase()
        self.current: NounPhrase | None = self.main
        self.current_relation = "main"
        self.expected_relation = ""
        self.verb = ""
        self.helper = ""
        self._last_person = self.main
        for place, event in enumerate(events):
            self._lookahead = events[place + 1 : place + 3]
            getattr(self, f"_handle_{event.kind}")(event)
        self._close_phrase()

    @property
    def has_details(self) -> bool:
        """Whether the object has relations, motions, colors of parts or unused words."""
        return bool(self.main.relations or self.main.motions or self.main.part_colors or self.main.unused)

    def _get_target(self) -> NounPhrase:
        """Return the noun phrase that an attribute belongs to: the open one, else the object itself."""
        return self.current if self.current is not None else self.main

    def _start_phrase(self, relation: str) -> None:
        self._close_phrase()
        self.current, self.current_relation, self.verb, self.expected_relation = NounPhrase(), relation or "with", "", ""

    def _close_phrase(self) -> None:
        noun, how = self.current, self.current_relation
        self.current = None
        if noun is None or noun is self.main:
            return
        if not noun.words and noun.adjectives:
            noun.words = [noun.adjectives.pop()]
        if noun.is_empty or (noun.words and noun.words[-1] in get_word_table("frame_words") and not noun.colors):
            return
        self._add_phrase(noun, how)

    def _add_phrase(self, noun: NounPhrase, relation: str) -> None:
        """Add a complete noun phrase as a part, as a relation, or as unused words."""
        entry = look_up_noun(" ".join(noun.words))
        is_part = relation in _OPENED_BY_PART_WORDS and (entry.group in ("wear", "parts") or not noun.words)
        owner = self._last_person if look_up_noun(" ".join(self._last_person.words)).is_person else self.main
        if relation == "without":
            self.main.unused += ["without", *noun.words]
        elif is_part and noun.colors:
            owner.part_colors += noun.colors
        elif is_part and not entry.classes:
            owner.unused += [*noun.adjectives, *noun.words]
        elif noun.words:
            inside = "with" if is_part else "inside"
            self._add_relation(noun, {"in": inside, "wear": "with", "of": "with", "away": "near"}.get(relation, relation))
        if entry.is_person and not is_part:
            self._last_person = noun

    def _add_relation(self, noun: NounPhrase, relation: str) -> None:
        if relation in _HEADINGS and noun.words == self.main.words:
            self.main.positions.append(relation)
        else:
            self.main.relations.append((relation, noun))

    def _handle_relation(self, event: ParseEvent) -> None:
        self._start_phrase(event.value)

    def _handle_heading(self, event: ParseEvent) -> None:
        """Handle "up" and "down": the direction of a motion, or what the object is on."""
        if self.verb == "moving":
            self.main.motions.append(event.value)
        self._start_phrase("on")

    def _handle_infinitive(self, event: ParseEvent) -> None:
        self._close_phrase()
        self.helper = event.value

    def _handle_opens(self, event: ParseEvent) -> None:
        if event.value == "of" and self.current is not None and self._is_quantity(self.current):
            self.current.words.clear()
            self.current.is_generic = False
            return
        if event.value == "away":
            self.main.motions.append("away")
        self._start_phrase(event.value)

    def _is_quantity(self, noun: NounPhrase) -> bool:
        """Return whether the noun before "of" is only a quantity: "a group of", "one of", "the larger of"."""
        return all(make_singular(word) in get_word_table("quantities") for word in noun.words[-1:])

    def _handle_and(self, event: ParseEvent) -> None:
        if self.current is None or self.current.has_noun:
            self.expected_relation = (
                self.current_relation if self.current is not None and self.current_relation != "main" else ""
            )
            self._close_phrase()

    def _handle_side(self, event: ParseEvent) -> None:
        sides = event.value.split()
        if event.has_complement and self.main.has_noun:
            self._start_phrase(_SIDE_RELATIONS.get(sides[0], sides[0]))
        elif self._is_garment(event):
            self._get_target().words.append("top")
        elif event.preposition == "from" and self.main.ordinal:
            self.main.rank_side = sides[0]
        elif self.verb == "moving" and event.preposition in ("", "to", "toward", "towards", "from"):
            headings = _OPPOSITE_HEADINGS if event.preposition == "from" else _HEADINGS
            self.main.motions += [headings[side] for side in sides if side in headings]
        elif self.verb == "neutral" and event.preposition in ("", "to", "toward", "towards"):
            self.main.unused += sides
        else:
            self._assign_sides(sides, event)

    def _is_garment(self, event: ParseEvent) -> bool:
        inside = self.current is not None and self.current_relation in _OPENED_BY_PART_WORDS
        return inside and event.value == "top" and not event.preposition and not self._get_target().words

    def _assign_sides(self, sides: list[str], event: ParseEvent) -> None:
        after = event.preposition or self.current is None or self.current.words
        noun = self.main if after else self._get_target()
        for side in sides:
            (noun.superlatives if side in ("closest", "farthest") else noun.positions).append(side)
        if after and self.main.has_noun:
            self._close_phrase()

    def _handle_superlative(self, event: ParseEvent) -> None:
        noun = self.main if self.current is None or self.current.words else self.current
        noun.superlatives.append(get_word_table("superlatives").get(event.value, event.value))

    def _handle_ordinal(self, event: ParseEvent) -> None:
        self._get_target().ordinal = get_word_table("ordinals")[event.value]

    def _handle_determiner(self, event: ParseEvent) -> None:
        self._open_if_needed(article=True)
        if event.value in ("each", "every"):
            self._get_target().is_every = True
        self._get_target().count = get_word_table("counts").get(event.value, 0)

    def _handle_owner(self, event: ParseEvent) -> None:
        self._open_if_needed(event.article)
        self.main.relations.append(("with", NounPhrase(words=[event.value])))

    def _handle_color(self, event: ParseEvent) -> None:
        self._open_if_needed(event.article or bool(self.expected_relation))
        alone = not self._is_followed_by(("word", "color", "size", "and"))
        if alone and event.article and self._get_target().is_empty and look_up_noun(event.value).group == "food":
            self._get_target().words.append(event.value)
        else:
            self._get_target().colors.append(get_word_table("colors")[event.value])

    def _handle_size(self, event: ParseEvent) -> None:
        self._open_if_needed(event.article or bool(self.expected_relation))
        if self._is_compound_start(event.value) or (
            event.value == "baby" and not self._is_followed_by(("word", "color", "size"))
        ):
            self._get_target().words.append(event.value)
        else:
            self._get_target().size = get_word_table("sizes")[event.value]

    def _handle_motion(self, event: ParseEvent) -> None:
        if self.current is not None and not self.current.has_noun and event.value in ("closer", "moving", "still"):
            self._add_premodifier(event)
            return
        self.main.motions.append(event.value)
        self._close_phrase()
        self.verb = "moving" if event.value != "still" else "still"

    def _add_premodifier(self, event: ParseEvent) -> None:
        noun = self._get_target()
        if event.value == "closer":
            noun.superlatives.append("closest")
        else:
            noun.motions.append(event.value)

    def _handle_skip(self, event: ParseEvent) -> None:
        self.main.unused.append(event.value)
        self._close_phrase()
        self.verb = "neutral"

    def _open_if_needed(self, article: bool) -> None:
        """Open a noun phrase if an article, a number, a possessive or the preceding verb requires one."""
        if article and (self.current is None or self.current.has_noun):
            self._start_phrase(self.expected_relation)

    def _is_followed_by(self, kinds: tuple[str, ...]) -> bool:
        """Return whether the next event is of one of these kinds."""
        return bool(self._lookahead) and self._lookahead[0].kind in kinds

    def _is_compound_start(self, word: str) -> bool:
        """Return whether an attribute begins a noun of the lexicon: "hot dog", "high chair", "hot air balloon"."""
        following = [event.value for event in self._lookahead]
        return any(is_listed(" ".join([word, *following[:count]])) for count in range(1, len(following) + 1))

    def _handle_word(self, event: ParseEvent) -> None:
        word = event.value
        self._open_if_needed(event.article)
        if word in get_word_table("skipped") or (word in get_word_table("shades") and self._is_followed_by(("color",))):
            return
        if word in get_word_table("pointers") and not (word == "that" and self.main.has_noun):
            self._open_if_needed(article=True)
        elif self._is_link(word):
            self._apply_link(word)
        elif word in get_word_table("part_adjectives") and not self._get_target().words:
            self._add_part_color(word)
        elif self.current is not None and not self.current.has_noun and self._is_premodifier(word):
            self.current.motions += guess_verb(word).list_motions(self.helper)
        elif self._is_verb(word):
            self._apply_verb(word)
        elif word in get_word_table("adjectives") and not self._is_compound_start(word):
            self._get_target().adjectives.append(word)
        elif word in get_word_table("generic") and not self._get_target().words:
            self._get_target().is_generic = True
        elif self._is_adverb(word):
            self.main.unused.append(word)
        else:
            self._add_noun_word(word)

    def _add_part_color(self, word: str) -> None:
        """Handle "black-haired", "white-faced": the color of a part."""
        noun = self._get_target()
        if noun.colors:
            noun.part_colors.append(noun.colors.pop())
        else:
            noun.adjectives.append(word)

    def _is_adverb(self, word: str) -> bool:
        if self.current is None:
            return word in get_word_table("adverbs") or word.endswith("ly")
        return bool(self.current.words) and word.endswith("ly") and not look_up_noun(word).found_by

    def _is_link(self, word: str) -> bool:
        return word in get_word_table("auxiliaries") or word in get_word_table("relativisers")

    def _apply_link(self, word: str) -> None:
        """Handle "is", "that", "who": the words after them describe the object."""
        if word in get_word_table("auxiliaries"):
            self.helper = word
        if self.main.has_noun and not (self.current_relation == "with" and word in get_word_table("auxiliaries")):
            self._close_phrase()
            self.expected_relation, self.verb = "", ""

    def _add_noun_word(self, word: str) -> None:
        if self.current is None:
            self._start_phrase(self.expected_relation)
        self._get_target().words.append(word)

    def _is_verb(self, word: str) -> bool:
        """Return whether a word is a verb here, by its form and by whether a noun precedes it."""
        form = guess_verb(word).form
        noun = self.current
        if not form or noun is None:
            return bool(form)
        if not noun.has_noun:
            return form == "ing" and (bool(self.helper) if noun is self.main else not noun.is_empty)
        if not look_up_verb(word).form and is_listed(" ".join([*noun.words, word])):
            return False
        if form == "s":
            living = look_up_noun(" ".join(noun.words)).group in ("people", "animals", "vehicles")
            return living or not look_up_noun(word).found_by
        return form in ("ing", "ed") or (form == "base" and noun.has_plural_noun)

    def _is_premodifier(self, word: str) -> bool:
        """Return whether a verb form modifies the next noun: "running dog", "burnt toast"; a "frying pan" is one noun."""
        known = guess_verb(word)
        if (
            known.form not in ("ing", "ed")
            or not known.kinds
            or not self._is_followed_by(("word", "color", "size"))
            or self._lookahead[0].article
        ):
            return False
        return not self._is_compound_start(word) and look_up_noun(f"{word} {self._lookahead[0].value}").found_by != "class name"

    def _apply_verb(self, word: str) -> None:
        kinds = guess_verb(word).kinds
        motions = guess_verb(word).list_motions(self.helper)
        self._close_phrase()
        self.main.motions += motions
        if kinds <= {"neutral"}:
            self.main.unused.append(word)
        self.verb = "moving" if "moving" in motions else "still" if "still" in motions else "neutral"
        self.expected_relation = "on" if "riding" in kinds else "wear" if "wearing" in kinds else "with"

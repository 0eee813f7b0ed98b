"""The contract of each component."""

from alref.testing import PropagatorContract, ProposerContract, ReasonerContract, UnifierContract

from alref_example import ByPlace, ColorRegions, PlainWords, TemplateMatch


class TestPlainWords(UnifierContract):
    def make_component(self) -> PlainWords:
        return PlainWords(PlainWords.Options())


class TestByPlace(ReasonerContract):
    def make_component(self) -> ByPlace:
        return ByPlace(ByPlace.Options())


class TestColorRegions(ProposerContract):
    def make_component(self) -> ColorRegions:
        return ColorRegions(ColorRegions.Options())


class TestTemplateMatch(PropagatorContract):
    def make_component(self) -> TemplateMatch:
        return TemplateMatch(TemplateMatch.Options())

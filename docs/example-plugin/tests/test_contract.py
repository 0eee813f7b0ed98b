"""The promises that alref relies on, for each of the four."""

from alref.testing import PropagatorContract, ProposerContract, ReasonerContract, UnifierContract

from alref_example import ByPlace, ColourRegions, PlainWords, TemplateMatch


class TestPlainWords(UnifierContract):
    def component(self) -> PlainWords:
        return PlainWords(PlainWords.Options())


class TestByPlace(ReasonerContract):
    def component(self) -> ByPlace:
        return ByPlace(ByPlace.Options())


class TestColourRegions(ProposerContract):
    def component(self) -> ColourRegions:
        return ColourRegions(ColourRegions.Options())


class TestTemplateMatch(PropagatorContract):
    def component(self) -> TemplateMatch:
        return TemplateMatch(TemplateMatch.Options())

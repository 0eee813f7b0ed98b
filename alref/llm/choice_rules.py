"""The number that the words of a plain answer choose; a number that they only mention is not a choice.

An answer is first written plainly: its numbers as in ``number_text``, and without what cannot choose, such as times, scores,
questions, asides, and numbers that it rejects. Then the rules are tried in order; the first that finds numbers decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from alref.llm import choice_words as words
from alref.llm.number_text import BOX_NOUNS, FRAME_NOUNS, MENTION, ORDINALS, WORDS, mark_mentions, normalize_text, parse_number

ABSENT = -1
"""The number that stands for "none of them"."""

_END = (
    r"(?=\s*[\"')\]}]*\s*(?:$|[.;:!?\n()\[|]|,(?!\s*(?:or\s+|and\s+)?[#«]?\d)|- |"
    r"(?:because|since|as|for|due|and(?! \d)|but|rather|instead|while|then|with|in which|where)\b))"
)
_BARE = rf"(?:(?<![\w«+.$€-])-?\d{{1,9}}(?![\w%]|[.:/]\d)|(?:the\s+)?{ORDINALS}(?:\s+one)?|{WORDS}){_END}"
_NUMBER = rf"(?:{MENTION}(?!\s*,\s*{MENTION}\s*(?:$|[.,;\n]))|{_BARE})"
N = rf"(?:(?:in|on|at|the|number)\s+){{0,4}}[\[(\"'#{{]{{0,3}}\s?{_NUMBER}"
"""A number where a rule expects one: with its noun, or bare and not followed by what it counts."""

_DISTRACTORS = re.compile(
    r"(?:\b(?:at|after|around)\s+)?\b\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?\b"
    rf"|\b(?:with (?:a )?)?{words.SCORES}(?:\s+(?:level|score|value|rating))?\s*(?:(?:is|of|at|was|=|:|~|about)\s*){{0,4}}"
    r"-?\d+(?:[.,]\d+)?(?:\s*(?:/|out of)\s*\d+)?"
    rf"|(?:\b(?:at|after|around)\s+)?(?<![\w.])\d+(?:[.,]\d+)?\s*(?:%|{words.UNITS}\b)"
    r"|\b\d+\s*(?:/|out of)\s*\d+\b|(?<![\w.])\d+\.\d+\b"
    r"|\b\d+\s*(?:-|to|through|until)\s*\d+\b|(?<=\d) of (?:the |all )?\d+\b"
    r"|\b(?:time|moment|duration|length|number of \w+)\s*(?:is|:|=)\s*\d+\b(?!:)",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"[^.!?\n]{1,300}\?")
_ASIDE = re.compile(r"\([^()]*\)")
_RELATIVE = re.compile(r",\s*(?:which|that|where|in which|who)\b[^,.;\n«»]{0,80},")
_CITATION = re.compile(r"(?<=»)\s*\[\d+\]")
_LIST_SIGN = re.compile(r"^[ \t]*(?:[-•>·→]+(?=\s)|=>|\d{1,2}[.)](?=\s+\S)|#{1,6}(?=\s))[ \t]*", re.MULTILINE)
_OTHERS = re.compile(
    r"\b(?:the|all|every|any)?\s*(?:others?\b|rest\b|remaining\b|other (?:frame|image|box|candidate)s?\b)[^,;.\n]*"
)
_THEREBY = re.compile(r"(?<=»),? (?:which is|making (?:it|this)|so it is)\b")
_NOT_BUT = re.compile(rf"\bnot\s+(?:in\s+)?(?:{MENTION}|\d+)\s*,?\s*but\s+(?:rather\s+)?")
_PREFERENCE = re.compile(rf"(?<=»)\s+(?:to|over)\s+{MENTION}")
_REJECTED_LABEL = re.compile(rf"(?:^|(?<=[\n,;.(]))[^\w\n«»]*{words.ANOTHER}\b[^:=\n«»\d]{{0,30}}[:=][^;.\n]*")
_REJECTED = re.compile(
    rf"\b{words.REJECTING}\s+(?:(?:visible|the|in|on|at|with|using|choosing|picking|taking)\s+){{0,4}}{_NUMBER}"
    rf"(?:(?:\s*,\s*{_NUMBER}){{0,8}}\s*,?\s*(?:or|nor|and)\s+{_NUMBER})?|,\s*then\s+{_NUMBER}(?=\W*$)",
    re.MULTILINE,
)
_FILLER = re.compile(rf",?\s*\b{words.FILLERS}\b[,!:]?")
_REMOVED = (
    *(_DISTRACTORS, _QUESTION, _CITATION, _LIST_SIGN, _NOT_BUT, _PREFERENCE, _REJECTED_LABEL, _OTHERS, _REJECTED, _FILLER),
    _RELATIVE,
)

_CONCLUSION = re.compile(rf"\b({words.CONCLUDING})[,:]")
_CORRECTION = re.compile(rf"\b{words.CORRECTIONS}\b")
_NEGATION = re.compile(rf"\b{words.NEGATIONS}\b")
_FLAW = re.compile(rf"\b(?:{words.NEGATIONS}|{words.FLAWS})\b")
_DENIAL = re.compile(rf"\b{words.DENIALS}\b")
_LOCAL_DENIAL = re.compile(rf"\b(?:{words.DENIALS}|{words.LOCAL_DENIALS})\b")
_BLIND = re.compile(words.BLINDNESS, re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?;\n](?=\s|$)")
_CLAUSE = re.compile(
    rf"[;:!?()\n]|,(?!\s*#?\d)|\.(?=\s|$)| - |\b(?:but|while|whereas|although|though|however|because|since|yet)\b"
    rf"|\bas (?=it|there|«|all|others?|the (?!{words.SUPERLATIVES}))|\band (?=(?:in |the )*«)|(?<!less )(?=\bso (?:in |the )*«)"
)
_CHECKED = (
    re.compile(rf"^\W*?(?:\[x\]|{words.TICKS})\W*?(?P<n>{N})"),
    re.compile(rf"^\W*?(?P<n>{N})\s*(?:.*{words.TICKS}|[:(=|-].*\b{words.YES}\W*$)"),
)
_CROSSED = re.compile(rf"^\W*?(?:\[ \]|{words.CROSSES})|{words.CROSSES}\s*$|^\W*?{N}\s*[:=-]\s*no\W*$")

_LABEL = rf"(?:^|(?<=[\n,;.]))[ \t]*(?:(?:{words.LABEL_ADJECTIVES}|{words.SUPERLATIVES})\s*){{0,4}}"
_VALUE = rf"(?:{N}|(?P<none>{words.NONE})\b)"
_LABELED = (
    re.compile(
        rf"{_LABEL}{words.LABELS}(?:\s+(?:frame|box|image|number|index|id|is)){{0,3}}"
        rf"\s*(?:[:=]+>?|->?|→|\b(?:is|ist|es|est)\b:?|是|は|(?<=answer)\s)\s*{_VALUE}",
        re.MULTILINE,
    ),
    re.compile(
        rf"{_LABEL}(?:{FRAME_NOUNS}|{BOX_NOUNS}|a)(?:\s+(?:number|index|id)\s+is|(?:\s+(?:number|index|id))?\s*[:=]+)\s*{_VALUE}",
        re.MULTILINE,
    ),
    re.compile(rf"{_LABEL}{words.LABELS}\s*\n+\s*{_VALUE}\W*$", re.MULTILINE),
)
_CHOOSING = (
    re.compile(rf"{words.BEFORE_VERBS}{words.CHOOSING_VERBS}\b(?![^«»]*\b(?:from|between|among)\b)[^«»\d]{{0,25}}?\s{N}"),
    re.compile(rf"{words.BEFORE_VERBS}{words.TAKING_VERBS}\s{N}"),
    re.compile(
        rf"(?<!less )(?<!more )\b{words.CONCLUDING}\b[,:]?\s*(?:(?:it|this|the answer)(?: must be| should be| is|'s)\s+)?{N}"
    ),
    re.compile(rf"\bonly\s+{N}"),
)
_PRAISING = (
    re.compile(
        rf"\b(?:{words.SUPERLATIVES}|{words.LABELS}|object|target)\b[^«»]{{0,60}}?\s*"
        rf"(?:\b(?:is|was|are|be|being|seems|in|at|on|from|by)\b|=)\s*{N}"
    ),
    re.compile(rf"\b(?:it|this|that)(?:'s| is| was|'d be| (?:must|should|has to|would|would have to|will) be)\s+{N}"),
    re.compile(
        rf"{MENTION} (?:{words.BEING} )?{words.SMALL_WORDS}{{0,5}}(?:{words.SUPERLATIVES}|{words.CHOSEN}|better than all)"
    ),
    re.compile(rf"{MENTION} {words.SHOWING}\b[^«»]{{0,80}}?\b{words.SUPERLATIVES}"),
    re.compile(rf"^(?:in|on|at) {MENTION}[^«»]{{0,80}}?\b{words.SUPERLATIVES}"),
    re.compile(rf"{MENTION} it is$"),
    re.compile(
        rf"(?:^|, )\d{{1,9}} (?:is|was|shows|looks|has|seems)\b[^«»\d]{{0,80}}?\b(?:{words.SUPERLATIVES}|{words.CHOSEN})"
    ),
    re.compile(rf"\bbest:?\s+(?:{MENTION}|\d{{1,9}}{_END})"),
    re.compile(rf"^\s*{MENTION} (?:is|does|was|would be)\s*$"),
)
_ALONE = re.compile(rf"\W*?{N}\W*")
_LEADING = re.compile(rf"\W*?{N}(?P<rest>[\])\"'}}]*\s*(?:\b(?:because|since|as|due|for its)\b|(?<=»)\s*:|,|- )[^«»\n]*)")
_BEGINNING = re.compile(rf"\W*?{N}")
_BRACKET = rf"\[(?:{MENTION}|-?\d{{1,9}}|{WORDS})\]"
_BRACKETED = (re.compile(rf"^\W*?{_BRACKET}(?!\s*(?:or|and|to|/|,?\s*\[))"), re.compile(rf"[.!?]\s*{_BRACKET}\W*$"))
_PRESENT = (
    re.compile(rf"^\W*{MENTION}\s+{words.PRESENCE_VERBS}\b"),
    re.compile(rf"\b{words.SEEN}\s+{N}|\b(?:is|are)\s+(?:inside|in|at|by)\s+{MENTION}"),
)


def find_choice(text: str, noun: str) -> set[int]:
    """Return the numbers that an answer chooses, ``ABSENT`` for none of them; empty if it chooses nothing."""
    plain = _write_plainly(text, noun)
    for correction in reversed(list(_CORRECTION.finditer(plain))):
        if numbers := _apply_rules(plain[correction.end() :].lstrip(" :,.-")):
            return numbers
    return _apply_rules(plain)


def find_correction(text: str, noun: str) -> set[int]:
    """Return the numbers that a text chooses behind words such as "wait" or "actually"."""
    plain = _write_plainly(text, noun)
    corrections = list(_CORRECTION.finditer(plain))
    return _apply_rules(plain[corrections[-1].end() :].lstrip(" :,.-")) if corrections else set()


def remove_distractors(text: str) -> str:
    """Return a text without times, shares and scores."""
    return re.sub(_DISTRACTORS, " ", text)


def is_denial(text: str, everywhere: bool = False) -> bool:
    """Return whether an answer says that the object is not there, or that it is nowhere (``everywhere``).

    A sentence about one number says it only of that number.
    """
    pattern = _DENIAL if everywhere else _LOCAL_DENIAL
    sentences = _SENTENCE_END.split(mark_mentions(normalize_text(text), ""))
    return any(pattern.search(sentence) and "«" not in sentence for sentence in sentences) and not _BLIND.search(text)


def _write_plainly(text: str, noun: str) -> str:
    plain = mark_mentions(normalize_text(text), noun)
    plain = "\n".join(_rewrite_line(line) for line in plain.splitlines())
    outside = _ASIDE.sub(" ", plain)
    plain = outside if re.search(N, outside) else re.sub(r"[()]", " ", plain)
    plain = _THEREBY.sub(" is", plain)
    for pattern in _REMOVED:
        plain = re.sub(r"[ \t]+", " ", pattern.sub(" ", plain))
    return _CONCLUSION.sub(r"\1", plain).strip()


def _rewrite_line(line: str) -> str:
    """Write a row of a table or a line with a tick as ``chosen: 3``, or as nothing if it chooses nothing."""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.count("|") > 1 else []
    numbers = [cell for cell in cells if _ALONE.fullmatch(cell)]
    if len(cells) == 2 and numbers and numbers[0] is not cells[0]:
        return ": ".join(cells)
    if cells:
        yes = any(re.fullmatch(rf"\W*(?:{words.YES}|{words.TICKS})\W*", cell) for cell in cells)
        return f"chosen: {numbers[0]}" if numbers and yes else ""
    if re.fullmatch(r"\W*?\[\s*\]\W*", line):
        return "chosen: none"
    if _CROSSED.search(line):
        return ""
    checked = next(filter(None, (pattern.search(line) for pattern in _CHECKED)), None)
    return f"chosen: {checked['n']}" if checked and not _NEGATION.search(line) else line


def _apply_rules(plain: str) -> set[int]:
    """Return the numbers that the first rule finds: a label, a verb, praise, a sentence that is only a number, a statement."""
    clauses = [clause.strip() for clause in _CLAUSE.split(plain) if clause.strip()]
    return (
        _find_labeled(plain)
        or _search(_CHOOSING, clauses, _NEGATION)
        or _search(_PRAISING, clauses, _NEGATION)
        or _find_alone(plain)
        or _find_stated(plain)
    )


def _search(patterns: Iterable[re.Pattern[str]], texts: Iterable[str], without: re.Pattern[str] | None = None) -> set[int]:
    """Return the numbers that patterns find in texts, leaving out texts with a word that keeps them from choosing."""
    usable = [text for text in texts if without is None or not without.search(text)]
    return {number for text in usable for pattern in patterns for found in pattern.finditer(text) for number in _read(found[0])}


def _read(found: str) -> set[int]:
    """Return the numbers of the mention in a match, else the last bare number."""
    mention = re.search(MENTION, found)
    if mention:
        return {int(digits) for digits in re.findall(r"-?\d+", mention[0])}
    numbers = re.findall(rf"-?\d{{1,9}}(?!\w)|{ORDINALS}|{WORDS}", found)
    return {parse_number(numbers[-1])} if numbers else {ABSENT}


def _find_labeled(plain: str) -> set[int]:
    """Return the numbers behind "answer:", else behind "frame:", else the last line that is only a number."""
    for pattern in _LABELED:
        if numbers := _search([pattern], [plain]):
            return numbers
    lines = [line for line in plain.splitlines() if line.strip()]
    alone = [line for line in lines if _ALONE.fullmatch(line)]
    numbers = {number for line in alone for number in _read(line)}
    return numbers if len(numbers) == 1 and alone[-1] is lines[-1] else set()


def _find_alone(plain: str) -> set[int]:
    """Return the numbers that are whole sentences, begin the answer with a reason behind them, or stand in brackets."""
    sentences = [sentence for sentence in _SENTENCE_END.split(plain) if sentence.strip()]
    numbers = {number for sentence in sentences if _ALONE.fullmatch(sentence) for number in _read(sentence)}
    leading = _LEADING.match(plain)
    if leading and not _FLAW.search(leading["rest"]):
        numbers |= {number for line in plain.splitlines() if (begun := _BEGINNING.match(line)) for number in _read(begun[0])}
    return numbers or _search(_BRACKETED, [plain])


def _find_stated(plain: str) -> set[int]:
    """Return the only number of an answer of one sentence that says of it what a choice would."""
    sentences = [sentence for sentence in _SENTENCE_END.split(plain) if sentence.strip()]
    if len(sentences) != 1 or len(set(re.findall(MENTION, plain))) != 1:
        return set()
    return _search(_PRESENT, sentences, _FLAW)

"""Numbers in an answer: digits of any script, number words, ordinals, and ``frame 3``, all written in one way."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

NUMBER_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
ORDINAL_WORDS = (
    *("first", "second", "third", "fourth", "fifth", "sixth"),
    *("seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
)
WORD_VALUES = {**{word: n for n, word in enumerate(NUMBER_WORDS, 1)}, **{word: n for n, word in enumerate(ORDINAL_WORDS, 1)}}

FRAME_NOUNS = (
    r"(?:key)?frame|image|img|picture|photo|panel|bild|fotograma|imagen|imagem|cuadro|кадр|帧|フレーム|画像|프레임"
    r"|(?:ال)?إطار|फ्रेम"
)
BOX_NOUNS = r"(?:bounding )?box(?:e(?=s))?|bbox|candidate|object|region|detection|caja|caixa|框|ボックス|박스"
ANY_NOUNS = r"option|选项|number|nr\.?|no\.|#|№|第"
_ID = r"(?:(?:number|no\.?|nr\.?|num|id|index)\s*)?[#№]?"

WORDS = rf"\b(?:{'|'.join(NUMBER_WORDS)})\b"
ORDINALS = rf"\b(?:{'|'.join(ORDINAL_WORDS)}|\d{{1,3}}(?:st|nd|rd|th))\b"
NUMBER = rf"(?:(?<![\w.])-?\d{{1,9}}(?![\w%]|[.:/]\d)|{WORDS})"
MENTION = r"«[-\d+]*»"
"""A number with its noun, or several numbers: ``«3»`` for "frame 3", ``«2+4»`` for "frames 2 and 4"."""

_INTEGER = re.compile(r"-?\d+")
_SIGNS: dict[int, str] = {
    **{0xFF01 + place: chr(0x21 + place) for place in range(94)},  # full width
    **{0x2460 + place: f" {place + 1} " for place in range(20)},  # in circles
    **dict.fromkeys([0x2018, 0x2019, 0x201B], "'"),
    **dict.fromkeys([0x201C, 0x201D, 0x201E, 0xAB, 0xBB], '"'),
    **dict.fromkeys([0x2010, 0x2011, 0x2212], "-"),
    **dict.fromkeys([0x2013, 0x2014], " - "),
    **dict.fromkeys([0x3000, 0xA0], " "),
    0x3002: ". ",
    **dict.fromkeys([0xB2, 0xB3, 0xB9, 0x2070, *range(0x2074, 0x207A)], ""),  # raised, the numbers of notes
    **dict.fromkeys([*range(0x200B, 0x2010), 0x2060, 0xFE0F, 0x20E3, 0xFEFF], ""),  # without width, and of keycaps
}
"""The replacements of other signs."""
_MARKUP = re.compile(r"\*+|`+|(?<=\$)\$|\$(?=[^$\n]{1,80}\$)|(?<=[^\s$])\$|\\[()\[\]]|\\(?:text|math|bold)\w*\s*(?=\{)|~~.*?~~")
_CHAT_TOKEN = re.compile(r"<\|[\w-]{1,40}\|>|</?s>|<(?:end_of_turn|start_of_turn|eos|eot|pad)>")
_LONG_GAP = re.compile(r"(\W{30})\W+")
_SCRIPT_GAP = re.compile(r"(?<=\d)(?=[^\W\d_a-z])|(?<=[^\W\d_a-z])(?=\d)", re.IGNORECASE)


def normalize_text(text: str) -> str:
    """Return a text in small letters, with ASCII digits and signs, without markup; its lines stay."""
    text = _LONG_GAP.sub(r"\1\n", _CHAT_TOKEN.sub(" ", text)).translate(_SIGNS)
    text = "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() and not sign.isascii() else sign for sign in text)
    return _SCRIPT_GAP.sub(" ", _MARKUP.sub("", text)).replace("_", " ").lower()


def parse_number(text: str) -> int:
    """Return the value of a number, a number word or an ordinal."""
    return WORD_VALUES.get(text) or int(re.sub(r"[a-z]+$", "", text))


_COUNTER = re.compile(r"(第\s*\d+)\s*(?:帧|张|个|番目?|枚目|フレーム|画像|框|ボックス)")
"""East Asian nouns that follow their number."""


def mark_mentions(text: str, noun: str) -> str:
    """Write each "frame 3", "third frame" or "frames 2 and 4" of a normalized text as ``MENTION``.

    ``noun`` says what is numbered, frames or boxes; numbers of the other are dropped, and "number 3" and the like count
    only if no number has the noun.
    """
    own, other = (BOX_NOUNS, FRAME_NOUNS) if noun == "box" else (FRAME_NOUNS, BOX_NOUNS)
    text = _replace_mentions(_COUNTER.sub(r"\1", text), own, keep=True)
    text = _replace_mentions(text, other, keep=False)
    text = _replace_mentions(text, ANY_NOUNS, keep="«" not in text)
    text = re.sub(rf"({MENTION})\s*(?:of|out of|/)\s*(?:the\s+|all\s+)?\d+\b", r"\1", text)
    text = re.sub(rf"\b(?:from|between)\s+(?:the\s+)?{MENTION}\s*(?:to|and|-)\s*(?:the\s+)?{MENTION}", " ", text)
    joined = (
        rf"{MENTION}(?:\s*,\s*(?:the\s+)?{MENTION}){{0,20}}\s*(?:,\s*)?(?:and|or|&|/)\s+(?:the\s+|in\s+|maybe\s+)?{MENTION}"
    )
    return re.sub(joined, lambda found: f"«{'+'.join(_INTEGER.findall(found[0]))}»", text)


def _replace_mentions(text: str, nouns: str, keep: bool) -> str:
    def write_mention(found: re.Match[str]) -> str:
        numbers = re.findall(rf"{ORDINALS}|{WORDS}|(?<!\d)-?\d+", found["numbers"])
        return f" «{'+'.join(str(parse_number(number)) for number in numbers)}» " if keep else " "

    for pattern in _compile_mentions(nouns):
        text = pattern.sub(write_mention, text)
    return text


@lru_cache(maxsize=4)
def _compile_mentions(nouns: str) -> tuple[re.Pattern[str], ...]:
    ordinals = rf"{ORDINALS}(?:,?\s+(?:(?:and|or)\s+)?(?:the\s+)?{ORDINALS}){{0,4}}"
    ordered = rf"\b(?:the\s+)?(?P<numbers>{ordinals})[\s-]+(?:{nouns}|ones?\b)s?(?![a-z])"
    several = rf"(?:\s*(?:,(?:\s*(?:and|or)\b)?|and|or|&|/|to|through|-)\s*#?{NUMBER}){{0,20}}"
    plural = rf"(?<![a-z])(?:{nouns})s\s*{_ID}\s*[(\[]?(?P<numbers>{NUMBER}{several})[)\]]?"
    listed = rf"(?:\s*,\s*{NUMBER}){{1,20}}\s*,?\s*(?:and|or)\s*#?{NUMBER}"
    one = rf"#?{NUMBER}(?:{listed}|(?:\s*(?:and|or|&)\s*|[/-])#?{NUMBER}){{0,20}}"
    single = rf"(?<![a-z])(?:{nouns})(?:-(?=\d))?\s*{_ID}\s*(?P<numbers>{one}|\({one}\)|\[{one}\]|\"{one}\"|'{one}')"
    subject = rf"\bthe\s+(?P<numbers>{ORDINALS})(?=\s+(?:is|was|shows|has)\b)"
    return tuple(map(re.compile, (ordered, plural, single, subject)))

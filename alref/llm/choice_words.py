"""The words by which an answer chooses a number, rejects one, or only mentions one; patterns of regular expressions."""

from __future__ import annotations


def any_of(words: str) -> str:
    """Return the pattern of any of the words in a list with commas."""
    return rf"(?:{'|'.join(pattern for pattern in (word.strip() for word in words.split(',')) if pattern)})"


CHOOSING_VERBS = any_of("""
    choos(?:e|ing), chose, pick(?:ed|ing)?, select(?:ed|ing)?, go(?:ing)? (?:with|for), went (?:with|for),
    settl(?:e|ed|ing) (?:on|for), opt(?:ed|ing)? for, vot(?:e|ed|ing) for, prefer(?:red)?, recommend(?:ed)?, suggest(?:ed)?,
    decided? (?:on|for), favou?r, 我?选择?
""")
TAKING_VERBS = any_of("us(?:e|ing), tak(?:e|ing), took")
"""Verbs that choose only what follows at once."""
BEFORE_VERBS = any_of(r"""
    ^, \b(?:and|to be|let's|let us|let me|please|hereby)\s,
    \b(?:i|we|you|one)(?:'d|'ll|'m|'ve)?\s(?:(?:\w+ly|therefore|thus|hence|then|still)\s)?,
    \b(?:i|we|you|one) (?:would|will|should|must|have|do|am|had to|have to|am going to)\s(?:(?:\w+ly|therefore|thus)\s)?,
    \bi'm going to\s
""")
"""What stands before a verb that chooses; behind anything else, such as "hesitate to", it chooses nothing."""
SUPERLATIVES = any_of(r"""
    best(?:en)?, clearest, sharpest, brightest, cleanest, crispest, fullest, largest, biggest, easiest, safest, surest,
    likeliest,
    ideal, optimal, perfect, most \w+ly(?: \w+)?, most (?:clear|visible|prominent|suitable|likely|complete|relevant),
    most (?:appropriate|probable|distinct|plausible|recognizable|representative|informative),
    (?:right|correct|chosen|selected|preferred) (?:one|answer|choice|frame|image|box|candidate|option), the answer
""")
CHOSEN = any_of(r"""
    chosen, selected, picked, preferred, recommended, (?:my|the) (?:\w+ )?(?:answer|choice|pick|selection), winner, wins,
    gets my vote, is correct, the one
""")
BEING = any_of("""
    is, ist, was, 's, would be, should be, must be, has to be, will be, has been, seems, looks, appears, remains, stands out,
    turns out, gets, wins as
""")
SMALL_WORDS = r"(?:(?:the|my|our|a|am|as|to be|being|by far|very|single|one|\w+ly|frame|image|box|where [^«»]{1,40}) )"
"""What may stand between a number with its verb and the praise."""
SHOWING = any_of(r"""
    (?:\w+ly )?(?:shows?|has|gives|offers|provides|captures|depicts|presents|displays|contains|holds|lets|makes|works|fits),
    matches, suits, serves, best (?:shows|captures|matches|fits), is (?:\w+ly )?(?:sharp|clear|visible|large|whole|ideal|where)
""")
"""Verbs between a number and what is best about it."""
LABELS = any_of("""
    answer, choice, chosen, selected, selection, pick, best(?: view| one| shot| option)?,
    decision, verdict, result, conclusion, output,
    prediction,
    correction, ans, 最佳, 最好的, 答案, 答え, 正解, 정답, 답,
    réponse, respuesta, resposta, risposta, antwort, ответ, الإجابة, उत्तर
""")
LABEL_ADJECTIVES = any_of("""
    my, the, 1st, die, la, le, el, final, best, chosen, selected, correct, first, overall, preferred, predicted, recommended,
    most suitable, beste[rs]?, mejor, melhor, meilleure?, лучший, أفضل, 最佳
""")
CONCLUDING = any_of("""
    so, thus, therefore, hence, consequently, in conclusion, in summary, finally, as a result, it follows, in short
""")
PRESENCE_VERBS = any_of("""
    shows?, has, contains?, holds?, depicts?, captures?, features?, displays?, matches, fits, corresponds, encloses,
    is (?:the|a|an|this|that|what), (?:is|are|looks?) (?:better|clearer|sharper)
""")
SEEN = any_of("visible, seen, shown, appears?, found, located, present, matches, refers to, corresponds to, describes")
YES = any_of("yes, chosen, selected, best, correct, winner, pick(?:ed)?, answer, choice, true")
TICKS = any_of("✓, ✔, ✅, ☑, ⭐, ★, 👍")
CROSSES = any_of("✗, ✘, ❌, ✖, ☐")

NONE = any_of("none, n/a, null, nothing, absent, not (?:found|visible|present)")
ANOTHER = any_of(r"""
    second(?:ary)?, third, 2nd, 3rd, next, runner, alternat\w+, backup, fallback, worst, least, reject\w*, excluded,
    discarded, weakest,
    poorest
""")
"""What a label or a key names that is not the choice."""
REJECTING = any_of(r"""
    not, nor, neither, never, rather than, than, instead of, in place of, unlike, except(?:ing| for)?, over, versus, vs\.?,
    without, besides, compared (?:to|with), as opposed to, in contrast to, apart from, aside from, excluding, followed by,
    beats, outperforms, surpasses, preferable to, ignor\w+, skip\w*, avoid\w*, discard\w*, exclud\w+, reject\w*, eliminat\w*,
    dismiss\w*, rul\w+ out, drop\w*, (?:but not|anything but|all but|everything but|any but)
""")
"""What stands before a number that is rejected."""
NEGATIONS = any_of(r"""
    not, no, never, none, neither, nor, cannot, \w+n't, without, hardly, barely, fails?, failed, lacks?, almost, nearly,
    at best, far from, opposite, nobody, no one, too, worse, less, wrong, incorrect, bad, worst, second, runner, alternativ\w*,
    backup,
    (?:third|next)[- ]?(?:best|choice|option|pick), if, unless, whether, could, might, may, maybe, perhaps, possibly, were,
    would have (?!to), going to be, unclear, uncertain, unsure, unlikely, also, at first, initially, reject\w*, exclud\w*,
    discard\w*, eliminat\w*, rul\w+ out, avoid\w*, ignor\w*, skip\w*, dismiss\w*
""")
"""What keeps a clause from choosing anything."""
FLAWS = any_of(r"""
    blur\w*, dark\w*, dim, hidden, hides?, occlu\w*, obscur\w*, cut off, cropped, out of, unfocus\w*, fuzzy, grainy, noisy,
    small, tiny, partial\w*, partly, incomplete, missing, empty, poor\w*, least, disappears?, leaves, vanish\w*, over, off,
    useless, unusable, unsuitable, shadows?, covered, blocked, invisible, only, nothing, no longer
""")
"""What keeps a clause from choosing by praise alone."""
FILLERS = any_of(r"""
    (?<!n't )i (?:would |'d )?(?:think|believe|guess|suppose|say)(?: that)?, i'd say, in my (?:opinion|view), hmm, sure,
    assistant, okay, ok, of course, certainly, definitely, (?<!most )clearly, (?<!most )obviously, probably, most likely(?= «),
    undoubtedly, no doubt, without (?:a |any )?(?:doubt|question), here(?:'s| is| are), overall
""")
CORRECTIONS = any_of(r"""
    actually, correction, scratch that, on (?:second|further) thoughts?, i meant?, i take that back, sorry, my mistake,
    (?:let me|need to|have to) (?:correct|revise|double[- ]check), (?:i|that) was wrong,
    wait(?=\W), no\W+(?:wait|sorry)
""")
"""What stands before a choice that replaces an earlier one."""
SCORES = any_of("confidence, certainty, probability, likelihood, score, rating, rated, iou, similarity")
UNITS = any_of("""
    percent, per cent, seconds?, secs?, s, ms, milliseconds?, minutes?, mins?, hours?, px, pixels?, fps, times, years?, meters?,
    metres?, m, cm, feet, degrees?
""")
DENIALS = any_of(r"""
    absent, none, null, n/a, nowhere, no such, not found, missing, nothing (?:is|in|here|makes|that), in any of,
    no (?:box|frame|object|match\w*), there(?: is| are|'s) no
""")
"""What says that the object is nowhere."""
LOCAL_DENIALS = (
    r"(?:not|never|\w+n't|cannot)\b[^.]{0,30}\b"
    r"(?:visible|present|shown|appears?|seen?|match|matches|there|exist|find|found)"
)
"""What says that the object is not there, perhaps only of some frames."""
BLINDNESS = (
    r"\b(?:unable|not able|cannot|can't|can not|don't have|do not have|no) [^.\n]{0,40}"
    r"\b(?:see|view|access|open|display|process|provided)\b[^.\n]{0,30}\b(?:images?|pictures?|videos?|photos?|attachments?)\b"
    r"|\bno (?:image|picture|video|attachment)s? (?:was|were|is|are)\b"
)
"""What says that the model got no images, which does not mean that the object is not there."""

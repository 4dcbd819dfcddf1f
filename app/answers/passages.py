"""Answers without any model: the passage of the program's own content that fits best, quoted."""

from __future__ import annotations

import logging
import math
import re
import threading
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

import bm25s  # type: ignore[import-untyped]
import Stemmer  # type: ignore[import-not-found]
from bm25s.stopwords import STOPWORDS_EN_PLUS  # type: ignore[import-untyped]
from markdown_it import MarkdownIt

from app.answers.sections import Passage, split
from app.core.errors import N_
from app.core.learning.questions import Answer, Question

FROM_HEADING = N_("From **%(heading)s** in %(program)s:")
FROM_PROGRAM = N_("From %(program)s:")
SEE_ALSO = N_("See also: %(headings)s")
NOTHING_FITS = N_("I found nothing about that in %(program)s.")
ASK_ABOUT = N_("You can ask about:")
TRY_OTHER_WORDS = N_("Try other words, or ask about something that the program covers.")
NO_CONTENT = N_("%(program)s has no content yet, so there is nothing to answer from.")

EXTRA_HEADINGS = 3
"""How many times more a word of the nearest heading counts than one of the text."""

LEAST_COVERED = 0.3
"""The share of the question's meaning (rare words mean more) that a passage has to hold."""

SEE_ALSO_SHARE = 0.5
"""How close to the best score another section has to come to be named beside it."""

QUESTION_WORDS = 64
HEADINGS_NAMED = 12
INDEXES_KEPT = 16

# Words of asking, which say nothing about what is asked for.
_ASKING = (
    "ask belong belongs could describe explain give like mean means please tell time want would"
)
_IDLE_WORDS = [*STOPWORDS_EN_PLUS, *_ASKING.split()]
_WORD = r"(?u)\w\w+"
_MARKUP = re.compile(r"([\\`*_\[\]<>~|])")

_inline = MarkdownIt("commonmark")

# The library lets even its debugging notes through to every handler of the root logger.
logging.getLogger("bm25s").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Index:
    """What is kept of a content: its passages, and what is needed to find one."""

    passages: list[Passage]
    words: list[frozenset[str]]
    weights: dict[str, float]
    scorer: bm25s.BM25


def quote_passages(*, kept: int = INDEXES_KEPT) -> Answer:
    """Return an answerer that quotes the question's content and remembers `kept` indexes."""
    remember = _keep(kept)

    def answer(question: Question) -> Iterator[str]:
        index = remember(question)
        found = _find(index, question.text) if index else []
        if not found:
            return _say_nothing_fits(index, question.program)
        return _quote(found, question.program)

    return answer


def _keep(size: int) -> Callable[[Question], Index | None]:
    """Return a function that builds each index once and forgets the longest unused."""
    indexes: OrderedDict[tuple[str, str], Index | None] = OrderedDict()
    reading, building = threading.Lock(), threading.Lock()

    def look_up(key: tuple[str, str]) -> tuple[bool, Index | None]:
        with reading:
            if key not in indexes:
                return False, None
            indexes.move_to_end(key)
            return True, indexes[key]

    def remember(question: Question) -> Index | None:
        key = (question.program, question.version)
        known, index = look_up(key)
        if known:
            return index
        # One builds while the others wait and then find it; questions to other programs pass.
        with building:
            known, index = look_up(key)
            if not known:
                index = _build(question.content)
                with reading:
                    indexes[key] = index
                    while len(indexes) > size:
                        indexes.popitem(last=False)
        return index

    return remember


def _build(content: str) -> Index | None:
    """Index `content`; `None` if it holds no word that can be searched for."""
    passages = list(split(content))
    texts = _words_of([passage.text for passage in passages])
    paths = [_words_of(list(passage.headings)) for passage in passages]
    tokens = [
        [*_with_pairs(text), *chain(*path), *chain(*map(_with_pairs, path[-1:] * EXTRA_HEADINGS))]
        for text, path in zip(texts, paths, strict=True)
    ]
    if not any(tokens):
        return None
    words = [frozenset(each) for each in tokens]
    counts = Counter(word for each in words for word in each)
    weights = {word: _rarity(count, len(words)) for word, count in counts.items()}
    scorer = bm25s.BM25()
    scorer.index(tokens, show_progress=False)
    return Index(passages, words, weights, scorer)


def _rarity(count: int, passages: int) -> float:
    """The inverse document frequency of a word that `count` of the passages hold."""
    return math.log(1 + (passages - count + 0.5) / (count + 0.5))


def _words_of(texts: list[str]) -> list[list[str]]:
    folded = [unicodedata.normalize("NFKC", text).casefold() for text in texts]
    # A stemmer must not be shared between threads, and a new one costs next to nothing.
    tokens: list[list[str]] = bm25s.tokenize(
        folded, lower=False, token_pattern=_WORD, stopwords=_IDLE_WORDS,
        stemmer=Stemmer.Stemmer("english"), return_ids=False, show_progress=False,
    )  # fmt: skip
    return tokens


def _with_pairs(words: list[str]) -> list[str]:
    """Pairs of neighbours tell "present danger" from a text that has the two words apart."""
    return [*words, *(f"{one} {two}" for one, two in pairwise(words))]


def _find(index: Index, text: str) -> list[Passage]:
    """The passage that fits best and up to two others of other sections, or nothing."""
    words = _words_of([text])[0][:QUESTION_WORDS]
    asked = set(words)
    known = asked & index.weights.keys()
    if not known:
        return []
    unknown = _rarity(1, len(index.passages))
    needed = LEAST_COVERED * sum(index.weights.get(word, unknown) for word in asked)
    sought = [each for each in dict.fromkeys(_with_pairs(words)) if each in index.weights]
    scores = index.scorer.get_scores(sought)
    found: list[Passage] = []
    least = 0.0
    for place in scores.argsort()[::-1]:
        if scores[place] <= least or len(found) == 3:
            break
        covered = sum(index.weights[word] for word in known if word in index.words[place])
        passage = index.passages[place]
        if covered >= needed and passage.headings not in [each.headings for each in found]:
            found.append(passage)
            least = least or SEE_ALSO_SHARE * scores[place]
    return found


def _quote(found: list[Passage], program: str) -> Iterator[str]:
    best, *others = found
    program = _escape(program)
    heading = _plain(best.headings[-1]) if best.headings else program
    lead = FROM_PROGRAM if heading == program else FROM_HEADING
    yield lead % {"heading": heading, "program": program} + "\n"
    for line in best.text.splitlines():
        yield f"\n> {line}".rstrip(" ")
    named = [f"**{_plain(each.headings[-1])}**" for each in others if each.headings]
    if named:
        yield "\n\n" + SEE_ALSO % {"headings": ", ".join(named)}


def _say_nothing_fits(index: Index | None, program: str) -> Iterator[str]:
    program = _escape(program)
    if index is None:
        yield NO_CONTENT % {"program": program}
        return
    yield NOTHING_FITS % {"program": program}
    headings = dict.fromkeys(each.headings[-1] for each in index.passages if each.headings)
    if not headings:
        yield " " + TRY_OTHER_WORDS
        return
    yield f" {ASK_ABOUT}\n"
    for heading in list(headings)[:HEADINGS_NAMED]:
        yield f"\n- {_plain(heading)}"


def _plain(heading: str) -> str:
    """The words of a heading, escaped: its own emphasis and links would break ours."""
    children = _inline.parseInline(heading)[0].children or []
    return _escape("".join(child.content for child in children))


def _escape(words: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(words.split()))

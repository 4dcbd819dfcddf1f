"""A program's content cut at its headings and paragraphs into passages short enough to quote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

PASSAGE_WORDS = 120
BLOCK_WORDS = 2 * PASSAGE_WORDS
"""A list or paragraph beyond this is cut at line ends, or between words if it has none."""

# Only where blocks begin and end is wanted; their text stays as it was written.
_blocks = MarkdownIt("commonmark").disable("inline")


@dataclass(frozen=True, slots=True)
class Passage:
    """Some lines of Markdown; `headings` are those above it, the nearest last, none at the top."""

    headings: tuple[str, ...]
    text: str


def split(content: str) -> Iterator[Passage]:
    """Cut `content`, Markdown or plain text, into passages of about `PASSAGE_WORDS` words.

    A passage stays within its section and holds whole blocks, unless a block is far too long.
    """
    lines = content.replace("\0", "").splitlines()
    open_headings: list[tuple[int, str]] = []
    section: list[str] = []
    tokens = _blocks.parse("\n".join(lines))
    for place, token in enumerate(tokens):
        if token.level or token.map is None:
            continue
        if token.type != "heading_open":
            section.extend(_cut("\n".join(lines[slice(*token.map)]).strip("\n")))
            continue
        yield from _pack(section, open_headings)
        section, level = [], int(token.tag[1:])
        open_headings = [each for each in open_headings if each[0] < level]
        # The parser always puts the words of a heading into the token after its opening.
        if words := tokens[place + 1].content.strip():
            open_headings.append((level, words))
    yield from _pack(section, open_headings)


def _cut(block: str) -> Iterator[str]:
    """A block as it is, or in pieces if it is far too long for one passage."""
    if len(block.split()) <= BLOCK_WORDS:
        yield block
        return
    piece: list[str] = []
    for line in block.splitlines():
        words = line.split()
        for start in range(0, len(words), PASSAGE_WORDS):
            part = line if len(words) <= PASSAGE_WORDS else " ".join(words[start:][:PASSAGE_WORDS])
            piece.append(part)
            if sum(len(each.split()) for each in piece) >= PASSAGE_WORDS:
                yield "\n".join(piece)
                piece = []
    if piece:
        yield "\n".join(piece)


def _pack(blocks: list[str], headings: list[tuple[int, str]]) -> Iterator[Passage]:
    """Join the blocks of a section into passages of even length."""
    path = tuple(words for _, words in headings)
    lengths = [len(block.split()) for block in blocks]
    passages = max(1, round(sum(lengths) / PASSAGE_WORDS))
    target, held, taken = sum(lengths) / passages, 0, list[str]()
    for block, length in zip(blocks, lengths, strict=True):
        taken.append(block)
        held += length
        # What introduces a list belongs to it.
        if held >= target and not block.endswith(":"):
            yield Passage(path, "\n\n".join(taken))
            taken, held = [], 0
    if taken:
        yield Passage(path, "\n\n".join(taken))

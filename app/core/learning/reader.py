"""Reads one pdf, docx or pptx file in a process of its own: the file comes in, JSON goes out.

`extraction` starts this file as a program (`python -I reader.py LIMITS`, the file as standard
input), so it imports nothing of ours, and nothing of ours imports its libraries. It limits itself
before it looks at a byte: a file that was made to do harm ends this process and nothing else.
"""

from __future__ import annotations

import json
import resource
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO
from xml.sax import ContentHandler, SAXException

import docx
import pptx
from defusedxml import DefusedXmlException
from defusedxml.sax import parse as walk
from docx.table import Table
from docx.text.paragraph import Paragraph
from pptx.enum.shapes import PP_PLACEHOLDER
from pypdf import PasswordType, PdfReader

BULLETS = ("List Bullet", "List Number", "List Paragraph")


@dataclass(frozen=True)
class Limits:
    """How far reading goes; `extraction.LIMITS` has the figures. Sizes are bytes."""

    memory: int
    seconds: int
    """Of computing."""
    written: int
    """The answer."""
    pages: int
    """Or slides."""
    characters: int
    entries: int
    """Files inside a docx or pptx, which is a zip file."""
    unpacked: int
    """All these files together, as the zip file declares them; it unpacks to no more."""
    ratio: int
    """How many times larger than the zip file they may be, once they pass `small` bytes."""
    small: int


class Refused(Exception):
    """The file is not read; the reason is a word that `extraction` has a sentence for."""


class _Begun(SAXException):
    """The first element was reached: there is no document type before it."""


class _UntilFirstElement(ContentHandler):
    def startElement(self, name: str, attrs: object) -> None:  # noqa: N802 - SAX's own name
        raise _Begun(name)


class Pages:
    """The text of a file, page by page, and which pages have none."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.texts, self.length = list[str](), 0
        self.without_text: list[int] = []

    def add(self, text: str) -> None:
        """Take one more page. Raises `Refused` where it is one too many, or too much text."""
        if len(self.texts) >= self.limits.pages:
            raise Refused("pages")
        self.texts.append(text)
        self.length += len(text)
        if not text.strip():
            self.without_text.append(len(self.texts))
        if self.length > self.limits.characters:
            raise Refused("long")


def read(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    """The kind of a file, its text, how many pages it has, and the numbers of those without text.

    Raises `Refused`, and whatever the libraries raise for a file that is broken.
    """
    file.seek(0)
    start = file.read(1024)
    pages = Pages(limits)
    if b"%PDF-" in start:
        kind = "pdf"
        _read_pdf(file, pages)
    elif start.startswith(b"PK"):
        kind = _kind_of_zip(file, limits)
        (_read_docx if kind == "docx" else _read_pptx)(file, pages)
    else:
        raise Refused("kind")
    text = "\n\n".join(text for text in pages.texts if text.strip())
    count = len(pages.texts) if kind != "docx" else None
    return {"kind": kind, "text": text, "pages": count, "without_text": pages.without_text}


def _read_pdf(file: BinaryIO, pages: Pages) -> None:
    reader = PdfReader(file)
    # Many files are locked against changes alone: an empty password opens them for reading.
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise Refused("encrypted")
    if len(reader.pages) > pages.limits.pages:
        raise Refused("pages")
    for page in reader.pages:
        pages.add(page.extract_text())


def _kind_of_zip(file: BinaryIO, limits: Limits) -> str:
    """Which kind of document a zip file is, after a look at its directory and at its XML."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if len(entries) > limits.entries:
            raise Refused("entries")
        unpacked = sum(entry.file_size for entry in entries)
        packed = file.seek(0, 2)
        too_dense = unpacked > limits.small and unpacked > limits.ratio * packed
        if too_dense or unpacked > limits.unpacked:
            raise Refused("swollen")
        if any(entry.flag_bits & 1 for entry in entries):
            raise Refused("encrypted")
        names = {entry.filename for entry in entries}
        if len(names) < len(entries):
            raise Refused("broken")
        kinds = {"docx": "word/document.xml", "pptx": "ppt/presentation.xml"}
        found = [kind for kind, part in kinds.items() if part in names]
        if len(found) != 1:
            raise Refused("kind")
        for name in names:
            if name.lower().endswith((".xml", ".rels", ".vml")):
                with archive.open(name) as part:
                    _forbid_document_type(part)
    return found[0]


def _forbid_document_type(part: Any) -> None:
    # A document type can name entities that swell, or files of this machine; documents of this
    # kind never have one.
    try:
        walk(part, _UntilFirstElement(), forbid_dtd=True)
    except _Begun:
        return
    except DefusedXmlException:
        raise Refused("dtd") from None
    raise Refused("broken")


def _read_docx(file: BinaryIO, pages: Pages) -> None:
    blocks, length = list[str](), 0
    for block in docx.Document(file).iter_inner_content():
        text = _paragraph(block) if isinstance(block, Paragraph) else "\n".join(_table(block))
        blocks.append(text)
        length += len(text)
        if length > pages.limits.characters:
            raise Refused("long")
    pages.add("\n\n".join(block for block in blocks if block.strip()))


def _paragraph(paragraph: Paragraph) -> str:
    """A paragraph as Markdown: headings and lists keep their rank, all else is text."""
    text, style = paragraph.text.strip(), (paragraph.style and paragraph.style.name) or ""
    level = "1" if style == "Title" else style.removeprefix("Heading ")
    if not text:
        return ""
    if level.isdigit():
        return f"{'#' * min(int(level), 6)} {text}"
    return f"- {text}" if style.startswith(BULLETS) else text


def _table(table: Table | Any) -> Iterator[str]:
    """The rows of a table, their cells divided by bars; a merged cell is read once in its row."""
    for row in table.rows:
        cells, seen = list[str](), set[Any]()
        for cell in row.cells:
            element = getattr(cell, "_tc", cell)
            if element not in seen:
                seen.add(element)
                cells.append(" ".join(cell.text.split()))
        if any(cells):
            yield " | ".join(cells)


def _read_pptx(file: BinaryIO, pages: Pages) -> None:
    for number, slide in enumerate(pptx.Presentation(file).slides, start=1):
        title = slide.shapes.title
        words = " ".join(title.text_frame.text.split()) if title is not None else ""
        texts = [text for shape in slide.shapes for text in _shape(shape, title)]
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            notes = slide.notes_slide.notes_text_frame.text.strip()
            texts += [f"Notes: {notes}"] if notes else []
        heading = f"## {words or f'Slide {number}'}"
        pages.add("\n\n".join([heading, *texts]) if words or texts else "")


def _shape(shape: Any, title: Any) -> Iterator[str]:
    """The texts of a shape, of its table, and of the shapes in its group."""
    if title is not None and shape.shape_id == title.shape_id:
        return
    if shape.is_placeholder and shape.placeholder_format.type == PP_PLACEHOLDER.SLIDE_NUMBER:
        return
    for inner in getattr(shape, "shapes", ()):
        yield from _shape(inner, title)
    if getattr(shape, "has_table", False):
        yield "\n".join(_table(shape.table))
    elif shape.has_text_frame:
        lines = [paragraph.text.strip() for paragraph in shape.text_frame.paragraphs]
        if any(lines):
            yield "\n".join(line for line in lines if line)


def limit_this_process(limits: Limits) -> None:
    """Take away what reading a file does not need; nothing of it can be had back."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.seconds),
        (resource.RLIMIT_FSIZE, limits.written),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        # Where somebody set a lower limit already, that one stays.
        least = [each for each in (most, *resource.getrlimit(what)) if each >= 0]
        resource.setrlimit(what, (min(least), min(least)))


def main() -> None:
    """Read standard input, and write what came of it to standard output as JSON."""
    limits = Limits(**json.loads(sys.argv[1]))
    limit_this_process(limits)
    try:
        found = read(sys.stdin.buffer, limits)
    except Refused as refusal:
        found = {"refused": str(refusal)}
    except (MemoryError, RecursionError):
        found = {"refused": "much"}
    except Exception:  # The libraries raise whatever a broken file makes them stumble over.
        found = {"refused": "broken"}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()

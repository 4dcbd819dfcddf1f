"""The text of a file that somebody uploads as a program's content: txt, md, pdf, docx or pptx.

Nothing in a file is carried out. What needs a library is read by a process of its own (`reader`),
which has little time, memory and nothing to write with, so that a hostile file harms nobody.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from app.core import clock
from app.core.errors import N_, Busy, Refusal

FILE_LIMIT = 20_000_000
"""Bytes that a file may have."""
SECONDS = 20
"""Seconds that reading it may take, waiting and all."""
LIMITS = {
    "memory": 768 * 1024**2,
    "seconds": 15,
    "written": 24 * 1024**2,
    "pages": 500,
    "characters": 1_000_000,
    "entries": 4_000,
    "unpacked": 128 * 1024**2,
    "ratio": 200,
    "small": 8 * 1024**2,
}
"""What `reader.Limits` is made of, and explained there."""
READER = Path(__file__).resolve().with_name("reader.py")
AT_ONCE = 2
"""Files that one process of ours has read at the same time; others wait."""
BLOCK = 256 * 1024

TEXT_NAMES = (".txt", ".text", ".md", ".markdown")
_places = threading.BoundedSemaphore(AT_ONCE)

WORDS = {
    "broken": N_("%(name)s cannot be read: it is broken, or not what its name says."),
    "dtd": N_("%(name)s cannot be read: it holds a document type, which no document needs."),
    "empty": N_("There is no text in %(name)s."),
    "encrypted": N_("%(name)s is locked with a password. Save it without one, then try again."),
    "entries": N_("%(name)s holds too many files inside. Save it anew, or copy its text."),
    "kind": N_("%(name)s is none of txt, md, pdf, docx and pptx. Save it as one of these."),
    "large": N_("%(name)s is larger than %(limit)s MB."),
    "long": N_("%(name)s has more than %(limit)s characters of text. Take a part of it."),
    "much": N_("%(name)s needs more memory than reading a file may take. Copy its text instead."),
    "old": N_(
        "%(name)s is locked with a password, or in the format of an old Office. Save it as docx or"
        " pptx, without a password."
    ),
    "pages": N_("%(name)s has more than %(limit)s pages. Take a part of it."),
    "pictures": N_(
        "%(name)s has pictures of text, but no text: it was scanned. Run text recognition on it"
        " first, or type the text."
    ),
    "slow": N_("%(name)s took longer than %(limit)s seconds to read. Take a part of it."),
    "swollen": N_("%(name)s unpacks to far more than a document needs. Save it anew."),
}
_LIMITS = {
    "large": FILE_LIMIT // 1_000_000,
    "long": f"{LIMITS['characters']:,}",
    "pages": LIMITS["pages"],
    "slow": SECONDS,
}


class Unreadable(Refusal):
    """A file that has no text for us; `reason` is a key of `WORDS`."""

    code = "file_unreadable"
    status = 422

    def __init__(self, reason: str, name: str) -> None:
        values = {"limit": _LIMITS[reason]} if reason in _LIMITS else {}
        super().__init__(name=name, **values)
        self.reason = reason
        self.words = WORDS[reason]


@dataclass(frozen=True)
class Extract:
    """What a file says. `pages` is None where the kind has none; `encoding` where it is no text.

    `without_text` has the numbers of the pages that are only pictures.
    """

    name: str
    kind: str
    text: str
    pages: int | None = None
    without_text: tuple[int, ...] = ()
    encoding: str | None = None


def extract(stream: BinaryIO, name: str) -> Extract:
    """The text of an uploaded file. The content decides what it is; `name` is for people.

    Reads `stream` to its end, or until it is too large. Takes `SECONDS` at most. Raises
    `Unreadable`, and `Busy` where too many files are being read.
    """
    name = _shown(name)
    with TemporaryFile() as file:
        size = 0
        while block := stream.read(BLOCK):
            size += len(block)
            if size > FILE_LIMIT:
                raise Unreadable("large", name)
            file.write(block)
        file.seek(0)
        start = file.read(1024)
        file.seek(0)
        if not start.strip():
            raise Unreadable("empty", name)
        if start.startswith(b"\xd0\xcf\x11\xe0"):
            raise Unreadable("old", name)
        if b"%PDF-" in start or start.startswith(b"PK\x03\x04"):
            return _by_reader(file, name)
        return _plain(file.read(), name)


def tidy(text: str) -> str:
    """Text as the database can hold it and people can read it: NFC, plain line ends, no controls.

    More than two empty lines become one, blanks at the end of a line go.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = re.sub("[\v\f\x85\u2028\u2029]", "\n", text)
    kept = "".join(each for each in text if each in "\n\t" or not _is_control(each))
    lines = [line.rstrip() for line in kept.split("\n")]
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _is_control(letter: str) -> bool:
    # Halves of surrogate pairs too: no UTF-8 holds them. The mark of a byte order is no text.
    return unicodedata.category(letter) in {"Cc", "Cs"} or letter == "\ufeff"


def _plain(content: bytes, name: str) -> Extract:
    if not name.lower().endswith(TEXT_NAMES):
        raise Unreadable("kind", name)
    text, encoding = _decoded(content, name)
    text = tidy(text)
    if not text.strip():
        raise Unreadable("empty", name)
    if len(text) > LIMITS["characters"]:
        raise Unreadable("long", name)
    kind = "md" if name.lower().endswith((".md", ".markdown")) else "txt"
    return Extract(name, kind, text, encoding=encoding)


def _decoded(content: bytes, name: str) -> tuple[str, str]:
    """Read bytes by a fixed ladder: byte order mark, UTF-8, Windows-1252. No guess decides."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ["utf-16"] if wide else ["utf-8-sig", "cp1252"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}.get(encoding, "UTF-16")
    raise Unreadable("broken", name)


def _by_reader(file: Any, name: str) -> Extract:
    found = _answer_of_reader(file, name)
    reason = found.get("refused")
    if reason is not None:
        raise Unreadable(reason if reason in WORDS else "broken", name)
    text = tidy(str(found["text"]))
    without_text = tuple(int(number) for number in found["without_text"])
    if not text.strip():
        raise Unreadable("pictures" if found["kind"] == "pdf" else "empty", name)
    return Extract(name, str(found["kind"]), text, found["pages"], without_text)


def _answer_of_reader(file: Any, name: str) -> dict[str, Any]:
    if not _places.acquire(timeout=SECONDS):
        raise Busy(clock.now() + timedelta(seconds=SECONDS))
    try:
        with TemporaryFile() as answer:
            # Without our environment, which holds secrets, and without our folder.
            done = subprocess.run(
                [sys.executable, "-I", "-X", "utf8", str(READER), json.dumps(LIMITS)],
                stdin=file,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                timeout=SECONDS,
                check=False,
            )
            if done.returncode:
                raise Unreadable("slow" if done.returncode < 0 else "much", name)
            answer.seek(0)
            found: dict[str, Any] = json.load(answer)
            return found
    except subprocess.TimeoutExpired:
        raise Unreadable("slow", name) from None
    except ValueError:
        raise Unreadable("broken", name) from None
    finally:
        _places.release()


def _shown(name: str) -> str:
    """The name of a file without its folders and without what no page should show."""
    last = re.split(r"[\\/]", name)[-1]
    return "".join(each for each in last if not _is_control(each)).strip()[:120] or "file"

"""Text from uploaded files: what is read, what is refused, and what a hostile file does."""

import io
import struct
import time
import zipfile
import zlib

import docx
import pptx
import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, NumberObject

from app.core.learning import extraction
from app.core.learning.extraction import Unreadable, extract


def read(content, name="file.bin"):
    return extract(io.BytesIO(content), name)


def refused(content, name="file.bin"):
    """Why a file is not read, and what it says about it."""
    with pytest.raises(Unreadable) as caught:
        read(content, name)
    assert name in caught.value.message
    return caught.value.reason


def saved(document):
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def pdf(*pages, password=None):
    """A PDF whose pages say these words; None makes a page with nothing on it."""
    writer = PdfWriter()
    for words in pages:
        page = writer.add_blank_page(300, 300)
        if words is None:
            continue
        font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
        fonts = DictionaryObject({NameObject("/F1"): DictionaryObject(
            {NameObject(key): NameObject(value) for key, value in font.items()}
        )})  # fmt: skip
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({words}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password is not None:
        writer.encrypt(password, owner_password="owner")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def word(*paragraphs):
    document = docx.Document()
    for text in paragraphs:
        document.add_paragraph(text)
    return saved(document)


def with_part(content, name, part):
    """A document with one of its parts replaced, or one more."""
    made = io.BytesIO()
    old = zipfile.ZipFile(io.BytesIO(content))
    with old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
        new.writestr(name, part)
    return made.getvalue()


def test_word_keeps_headings_lists_tables_and_their_order():
    document = docx.Document()
    document.add_heading("Coaching", 0)
    document.add_heading("Open questions", 2)
    document.add_paragraph("An open question invites a story.")
    document.add_paragraph("Ask what.", "List Bullet")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "When", "Monday"
    document.add_paragraph("After the table, Muñoz.")
    found = read(saved(document), "C:\\plans\\Coaching.DOCX")
    assert (found.name, found.kind) == ("Coaching.DOCX", "docx")
    assert found.text == (
        "# Coaching\n\n## Open questions\n\nAn open question invites a story.\n\n- Ask what.\n\n"
        "When | Monday\n\nAfter the table, Muñoz."
    )


def test_a_presentation_gives_titles_texts_tables_and_notes():
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text, slide.placeholders[1].text = "First", "One\nTwo"
    slide.notes_slide.notes_text_frame.text = "Pause here."
    show.slides.add_slide(show.slide_layouts[6])
    third = show.slides.add_slide(show.slide_layouts[6])
    table = third.shapes.add_table(1, 2, 0, 0, 9, 9).table
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    found = read(saved(show), "x.pptx")
    assert found.text == "## First\n\nOne\nTwo\n\nNotes: Pause here.\n\n## Slide 3\n\na | b"
    assert (found.pages, found.without_text) == (3, (2,))


def test_a_pdf_gives_its_pages_and_says_which_have_no_text():
    found = read(pdf("Open questions", None, "Closed questions"), "x.pdf")
    assert found.text == "Open questions\n\nClosed questions"
    assert (found.kind, found.pages, found.without_text) == ("pdf", 3, (2,))
    assert read(pdf("Read me", password=""), "x.pdf").text == "Read me"


@pytest.mark.parametrize(
    ("content", "text", "encoding"),
    [
        ("# Muñoz\r\n\r\n\r\n\r\nEnd \t\r\n".encode(), "# Muñoz\n\nEnd", "UTF-8"),
        (b"\xef\xbb\xbfplain", "plain", "UTF-8"),
        ("Muñoz’s".encode("cp1252"), "Muñoz’s", "Windows-1252"),
        ("Muñoz".encode("utf-16"), "Muñoz", "UTF-16"),
        ("e\u0301\x1b[31m \x07red".encode(), "é[31m red", "UTF-8"),
    ],
)
def test_plain_text_is_read_by_a_fixed_ladder_and_tidied(content, text, encoding):
    found = read(content, "notes.MD")
    assert (found.text, found.encoding, found.kind) == (text, encoding, "md")


OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "x.txt", "empty"),
        (b" \n\t ", "x.md", "empty"),
        (b"MZ\x90 a program", "x.exe", "kind"),
        (b"<p>text</p>", "x.html", "kind"),
        (b"\x81\x8d text", "x.txt", "broken"),
        (b"a\0b", "x.txt", "broken"),
        (OLD, "x.doc", "old"),
        (b"%PDF-1.7\n%nothing else", "x.pdf", "broken"),
        (b"PK\x03\x04 no archive", "x.docx", "broken"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(content, name, reason):
    assert refused(content, name) == reason


def test_locked_empty_and_scanned_documents_say_what_they_are():
    assert refused(pdf("Hush", password="hush"), "x.pdf") == "encrypted"
    assert refused(pdf(None, None), "scan.pdf") == "pictures"
    assert refused(word(), "x.docx") == "empty"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("readme.txt", "no document")
    assert refused(archive.getvalue(), "x.docx") == "kind"
    assert refused(word("a" * 2000)[:-300], "x.docx") == "broken"


def test_a_file_that_is_too_large_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(extraction, "FILE_LIMIT", 1000)
    stream = io.BytesIO(b"x" * 5_000_000)
    with pytest.raises(Unreadable) as caught:
        extract(stream, "x.txt")
    assert caught.value.reason == "large"
    assert stream.tell() < 1_000_000


def test_a_zip_bomb_is_refused_by_its_directory_before_anything_is_unpacked():
    dense = with_part(word("a"), "word/media/image1.png", bytes(60_000_000))
    began = time.monotonic()
    assert refused(dense, "x.docx") == "swollen"
    wide = io.BytesIO(word("a"))
    with zipfile.ZipFile(wide, "a") as file:
        for number in range(4_100):
            file.writestr(f"word/{number}", b"")
    assert refused(wide.getvalue(), "x.docx") == "entries"
    assert time.monotonic() - began < 15


def test_a_directory_that_lies_about_sizes_unpacks_no_more_than_it_says():
    long = _long_document(20).ljust(60_000_000)
    content = with_part(word("a"), "word/document.xml", long)
    packed = struct.pack("<I", len(long))
    assert content.count(packed) == 2
    assert refused(content.replace(packed, struct.pack("<I", 5000)), "x.docx") == "broken"


ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)).replace("&a0;", "&a;")
    + "]><d>&a9;</d>"
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>'


@pytest.mark.parametrize("part", [ENTITIES, OUTSIDE, ENTITIES.encode("utf-16")])
@pytest.mark.parametrize("name", ["word/document.xml", "word/_rels/document.xml.rels"])
def test_a_document_type_is_refused_whatever_it_would_do(part, name):
    assert refused(with_part(word("a"), name, part), "x.docx") == "dtd"


def bomb(name, data):
    """A PDF with one page whose content unpacks to far more than the file has."""
    writer = PdfWriter()
    page = writer.add_blank_page(300, 300)
    stream = DecodedStreamObject()
    stream.set_data(zlib.compress(data, 9))
    stream[NameObject("/Filter")] = NameObject(name)
    stream[NameObject("/Length")] = NumberObject(len(stream._data))
    page[NameObject("/Contents")] = writer._add_object(stream)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_a_pdf_that_swells_ends_within_its_time_and_harms_nobody():
    began = time.monotonic()
    content = bomb("/FlateDecode", b"BT (x) Tj ET\n" * 15_000_000)
    assert len(content) < extraction.FILE_LIMIT
    assert refused(content, "x.pdf") in {"broken", "much", "slow", "pictures", "long"}
    assert time.monotonic() - began < extraction.SECONDS + 5
    assert read(pdf("Still here"), "y.pdf").text == "Still here"


def test_time_and_memory_end_the_reader_and_not_us(monkeypatch):
    slow = with_part(word("a"), "word/document.xml", _long_document(60_000))
    monkeypatch.setitem(extraction.LIMITS, "seconds", 1)
    assert refused(slow, "x.docx") == "slow"
    monkeypatch.setitem(extraction.LIMITS, "seconds", 15)
    monkeypatch.setitem(extraction.LIMITS, "memory", 110_000_000)
    assert refused(slow, "x.docx") in {"much", "broken"}


def _long_document(paragraphs):
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    cell = "<w:tc><w:p><w:r><w:t>words</w:t></w:r></w:p></w:tc>"
    row = f"<w:tr>{cell * 20}</w:tr>"
    body = f"<w:tbl><w:tblGrid/>{row * (paragraphs // 20)}</w:tbl>"
    return f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'


def test_too_many_pages_and_too_much_text_are_refused(monkeypatch):
    monkeypatch.setitem(extraction.LIMITS, "pages", 2)
    assert refused(pdf("a", "b", "c"), "x.pdf") == "pages"
    monkeypatch.setitem(extraction.LIMITS, "characters", 1000)
    assert refused(word("a" * 1001), "x.docx") == "long"
    assert refused(b"a" * 1001, "x.txt") == "long"


def test_the_reader_has_none_of_our_secrets(monkeypatch, tmp_path):
    teller = tmp_path / "teller.py"
    teller.write_text(
        "import json, os, sys\n"
        "text = ' '.join([*os.environ, os.getcwd(), *sys.path])\n"
        "print(json.dumps({'kind': 'pdf', 'text': text, 'pages': 1, 'without_text': []}))\n"
    )
    monkeypatch.setenv("FLASK_SECRET_KEY", "hush")
    monkeypatch.setattr(extraction, "READER", teller)
    seen = read(b"%PDF-1.7", "x.pdf").text
    assert "FLASK_SECRET_KEY" not in seen
    assert str(extraction.Path.cwd()) not in seen.split()

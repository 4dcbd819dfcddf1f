"""Offline answers quote the passage that fits, with its heading, and say so when none does."""

from __future__ import annotations

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.answers import choose
from app.answers.passages import quote_passages
from app.core.learning.markdown import to_html
from app.core.learning.questions import Answer, Question

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "sample" / "programs"

GARDEN = """\
# Garden Care

Gardens reward patience.

## Watering in summer

Water early in the morning, so that leaves dry before the night.

## Pruning roses

Cut above a bud that faces outward, and keep the blades clean.

### Pruning old roses

Old roses flower on last year's wood: prune them after flowering.

## Feeding the soil

Compost feeds worms, and worms feed the soil.
"""


def ask(text: str, content: str = GARDEN, program: str = "Garden Care", version: str = "1") -> str:
    """The whole answer to a question, from an answerer that knows nothing yet."""
    return "".join(quote_passages()(question(text, content, program, version)))


def question(
    text: str, content: str = GARDEN, program: str = "Garden Care", version: str = "1"
) -> Question:
    return Question(program, content, None, None, text, version)


def test_an_answer_names_its_heading_and_quotes_the_passage() -> None:
    assert ask("When should I water?") == (
        "From **Watering in summer** in Garden Care:\n\n"
        "> Water early in the morning, so that leaves dry before the night."
    )


def test_an_answer_comes_in_pieces() -> None:
    assert len(list(quote_passages()(question("When should I water?")))) > 1


def test_words_of_a_heading_find_its_passage_and_close_sections_are_named() -> None:
    answer = ask("pruning roses")
    assert answer.startswith("From **Pruning roses** in Garden Care:")
    assert answer.endswith("See also: **Pruning old roses**")


def test_text_above_the_first_section_is_quoted_from_the_program_itself() -> None:
    assert ask("patience?").startswith("From Garden Care:\n\n> Gardens reward patience.")


@pytest.mark.parametrize("text", ["How do I bake a pizza?", "???", "", "the and of", "水"])
def test_when_nothing_fits_the_answer_says_so_and_lists_the_headings(text: str) -> None:
    answer = ask(text)
    assert answer.startswith("I found nothing about that in Garden Care. You can ask about:")
    assert "\n- Watering in summer" in answer
    assert "\n- Feeding the soil" in answer
    assert ">" not in answer


def test_one_common_word_in_a_long_foreign_question_does_not_fit() -> None:
    answer = ask("Which airline offers cheap night flights from Lisbon to Reykjavik?")
    assert answer.startswith("I found nothing")


def test_plain_text_is_quoted_paragraph_by_paragraph_under_the_name_of_the_program() -> None:
    filler = " ".join(["Nothing of note happens here."] * 30)
    content = f"{filler}\n\nThe ferry leaves at seven.\nBring a coat.\n\n{filler}"
    answer = ask("When does the ferry leave?", content, "Island Guide")
    assert answer.startswith("From Island Guide:\n\n> ")
    assert "\n> The ferry leaves at seven.\n> Bring a coat." in answer
    assert answer.count("Nothing of note") <= 30


def test_plain_text_without_a_fit_asks_for_other_words() -> None:
    answer = ask("pizza", "The ferry leaves at seven.", "Island Guide")
    assert answer.startswith("I found nothing about that in Island Guide. Try other words")


@pytest.mark.parametrize("content", ["", " \n\n\t", "# \n\n## ", "???", "\0"])
def test_empty_content_is_admitted(content: str) -> None:
    assert ask("anything", content) == (
        "Garden Care has no content yet, so there is nothing to answer from."
    )


def test_a_long_section_is_quoted_in_part() -> None:
    paragraphs = [
        f"Paragraph {n} speaks of topic{n}. " + "More words follow. " * 20 for n in range(40)
    ]
    answer = ask("topic17", "## Everything\n\n" + "\n\n".join(paragraphs))
    assert answer.startswith("From **Everything**")
    assert "topic17" in answer
    assert len(answer.split()) < 250


@pytest.mark.parametrize(
    "content",
    ["word " * 40_000, "- an item of a list\n" * 8_000, "```\n" + "a line of code\n" * 9_000],
    ids=["one paragraph", "one list", "an open fence"],
)
def test_a_block_without_end_is_quoted_in_part(content: str) -> None:
    answer = ask("word item code", content)
    assert 10 < len(answer.split()) < 500


def test_huge_content_is_indexed_once_and_quickly() -> None:
    sections = (
        f"## Topic {n}\n\nAbout subject{n}. " + "Many other words. " * 20 for n in range(600)
    )
    content = "\n\n".join(sections)[:200_000]
    answer = quote_passages()
    started = time.thread_time()
    first = "".join(answer(question("subject321", content)))
    indexed = time.thread_time()
    second = "".join(answer(question("subject22", content)))
    ended = time.thread_time()
    assert first.startswith("From **Topic 321**")
    assert second.startswith("From **Topic 22**")
    # Generous beside the goals of 300 ms and 20 ms, so that a slow machine does not fail.
    assert indexed - started < 1.5
    assert ended - indexed < 0.1


def test_an_index_is_kept_for_its_version_and_not_mixed_between_programs() -> None:
    answer = quote_passages()
    assert "morning" in "".join(answer(question("water", GARDEN, version="1")))
    changed = GARDEN.replace("early in the morning", "at noon")
    assert "at noon" in "".join(answer(question("water", changed, version="2")))
    other = "".join(answer(question("water", "Water is wet.", "Physics", version="1")))
    assert other == "From Physics:\n\n> Water is wet."


def test_what_was_forgotten_is_indexed_again() -> None:
    answer = quote_passages(kept=1)
    for _ in range(2):
        for name in ("Alpha", "Beta"):
            content = f"All about {name.lower()} rays."
            assert content in "".join(answer(question("rays", content, name)))


def test_markup_in_content_reaches_the_page_as_text() -> None:
    content = (
        "## Safe *words* <img src=x onerror=alert(1)> [x](javascript:alert(1))\n\n"
        "<script>alert(1)</script> about zebras <svg onload=alert(1)>"
    )
    html = to_html(ask("zebras", content, "Tricks **<b>**"))
    assert "<script" not in html
    assert "<svg" not in html
    assert "<img" not in html
    assert "<a" not in html
    assert "<strong>Safe words" in html
    assert "Tricks **&lt;b&gt;**" in html


def test_a_hash_in_a_code_block_is_no_heading() -> None:
    content = "## Set-up\n\n```\n# install the gizmo\ngizmo --now\n```\n"
    assert ask("gizmo", content).startswith("From **Set-up**")


def test_many_threads_get_the_right_answers() -> None:
    answer = quote_passages(kept=3)

    def one(number: int) -> bool:
        name = f"Program {number % 5}"
        content = f"## Part {number % 5}\n\nThe colour of part {number % 5} is unique.\n\n" * 50
        got = "".join(answer(question("Which colour?", content, name)))
        return got.startswith(f"From **Part {number % 5}** in {name}:")

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(200)))


def test_nothing_is_printed_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        ask("water")
    assert printed.getvalue() == ""
    assert os.listdir(tmp_path) == []


def test_passages_answer_unless_a_model_is_configured() -> None:
    settings = SimpleNamespace(
        OPENAI_BASE_URL=None, OPENAI_API_KEY=None, OPENAI_MODEL="any", OPENAI_TIMEOUT=1.0
    )
    answer: Answer = choose(settings)
    assert "".join(answer(question("water"))).startswith("From **Watering in summer**")


EXPECTED = {
    "mi": [
        ("What is motivational interviewing?", "What motivational interviewing is"),
        ("What does ambivalence mean?", "Understanding ambivalence about change"),
        ("How do I resist the righting reflex?", "The righting reflex and how to resist it"),
        ("What does OARS stand for?", "The OARS skills at a glance"),
        ("How do I ask open questions?", "Open questions that invite a story"),
        ("What is an affirmation?", "Affirmations that recognize strengths"),
        ("What is a double-sided reflection?", "Double-sided reflections"),
        (
            "How do I recognize change talk?",
            "Change talk and sustain talk: how to recognize them",
        ),
        ("How do I use the confidence ruler?", "The importance and confidence ruler"),
        (
            "How can I give advice with permission?",
            "Sharing information and advice with permission",
        ),
    ],
    "bcc": [
        (
            "How is coaching different from teaching?",
            "How coaching differs from directing, teaching and counseling",
        ),
        ("When should I not coach?", "When to coach and when not to coach"),
        (
            "What belongs in a coaching agreement?",
            "Building trust and making a coaching agreement",
        ),
        ("Can I promise confidentiality?", "How to explain the limits of confidentiality"),
        ("How do I set a goal?", "How to set a coaching goal"),
        ("How should I give feedback?", "Giving feedback that a worker can use"),
        ("What if my worker is defensive?", "Coaching a worker who is stuck or defensive"),
        ("How do I prepare an observed visit?", "Preparing for an observed visit"),
        ("How does role play work?", "Using rehearsal when you cannot observe"),
        ("What are the steps of a coaching conversation?", "The steps of a coaching conversation"),
    ],
    "safety": [
        (
            "What is the difference between safety and risk?",
            "The difference between safety and risk",
        ),
        ("What is present danger?", "What present danger looks like"),
        (
            "What is the danger threshold?",
            "The danger threshold: when a concern becomes a safety threat",
        ),
        ("How do I judge a child's vulnerability?", "Judging a child's vulnerability"),
        ("What are protective capacities?", "Caregiver protective capacities"),
        ("How do I interview children?", "Interviewing children about safety"),
        (
            "What belongs in a safety plan?",
            "How to build a safety plan that controls danger",
        ),
        ("How do I document my decision?", "Documenting a safety decision"),
        (
            "How does present danger differ from impending danger?",
            "Present and impending danger compared",
        ),
        (
            "Is poverty a safety threat?",
            "The danger threshold: when a concern becomes a safety threat",
        ),
    ],
}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="The sample programs are not here.")
@pytest.mark.parametrize(
    ("program", "text", "heading"),
    [(program, *pair) for program, pairs in EXPECTED.items() for pair in pairs],
)
def test_questions_to_the_sample_programs_find_their_section(
    program: str, text: str, heading: str
) -> None:
    content = (SAMPLES / f"{program}.md").read_text(encoding="utf-8")
    assert ask(text, content, "Sample").startswith(f"From **{heading}** in Sample:")

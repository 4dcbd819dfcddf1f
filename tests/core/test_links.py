"""Signed links: what they carry, and everything that makes them dead."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import LinkDead
from app.core.proof import links
from app.core.proof.links import Link

KEYS = ["a key for these tests alone"]
FACTS = {"address": "ada@learn.agency.example", "code_id": 7, "digits": "012345"}
LIFETIME = timedelta(minutes=15)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def read(token, *, purpose=Link.REGISTRATION, keys=KEYS):
    return links.read(purpose, token, lifetime=LIFETIME, keys=keys)


def mint(*, purpose=Link.REGISTRATION, keys=KEYS):
    return links.mint(purpose, FACTS, keys=keys)


def test_a_link_gives_back_what_it_was_made_of():
    assert read(mint()) == FACTS


def test_a_link_of_one_purpose_opens_no_other():
    for purpose in Link:
        for other in Link:
            if purpose is not other:
                with pytest.raises(LinkDead):
                    read(mint(purpose=purpose), purpose=other)


def test_a_link_with_other_facts_in_it_is_dead():
    payload, dated, signature = mint().split(".")
    facts = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = json.dumps(facts | {"address": "mallory@x.example"}).encode()
    payload = base64.urlsafe_b64encode(forged).rstrip(b"=").decode()
    with pytest.raises(LinkDead):
        read(f"{payload}.{dated}.{signature}")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_link_with_one_letter_changed_is_dead(part):
    parts = mint().split(".")
    middle = len(parts[part]) // 2
    other = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + other + parts[part][middle + 1 :]
    with pytest.raises(LinkDead):
        read(".".join(parts))


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "\0", "é" * 80, "x" * 100_000, "\ud800"])
def test_what_is_no_link_is_dead(token):
    with pytest.raises(LinkDead):
        read(token)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(token):
    with pytest.raises(LinkDead):
        read(token)


def test_a_link_cut_short_is_dead():
    token = mint()
    for length in range(0, len(token), 7):
        with pytest.raises(LinkDead):
            read(token[:length])


def test_a_link_under_another_key_is_dead():
    with pytest.raises(LinkDead):
        read(mint(keys=["another key"]))


def test_a_former_key_still_verifies_but_never_signs():
    assert read(mint(), keys=["a new key", *KEYS]) == FACTS
    with pytest.raises(LinkDead):
        read(mint(keys=["a new key", *KEYS]))


def test_salt_and_key_cannot_be_shifted_into_each_other():
    # With plain concatenation, salt "a" and key "bK" verify under salt "ab" and key "K".
    tail = Link.REGISTRATION.value[len("reg") :]
    with pytest.raises(LinkDead):
        read(mint(keys=["K"]), keys=[tail + "K"])


def test_a_link_works_through_its_last_second_and_not_after_it():
    with time_machine.travel(START, tick=False) as clock:
        token = mint()
        clock.shift(LIFETIME)
        assert read(token) == FACTS
        clock.shift(timedelta(seconds=1))
        with pytest.raises(LinkDead):
            read(token)


def test_a_link_from_a_clock_a_minute_ahead_works_and_one_further_ahead_does_not():
    with time_machine.travel(START, tick=False) as clock:
        token = mint()
        clock.shift(timedelta(seconds=-60))
        assert read(token) == FACTS
        clock.shift(timedelta(seconds=-1))
        with pytest.raises(LinkDead):
            read(token)


def test_signed_text_that_is_no_set_of_facts_is_dead():
    with pytest.raises(LinkDead):
        read(links.mint(Link.REGISTRATION, ["a", "list"], keys=KEYS))

"""Legacy accounts whose addresses differ by capitals or outer blanks alone (legacy.md T6).

Each is found by its own spelling, none gets what is another's, and nobody new gets the form.
"""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from app.addresses import canonical
from app.core.audit import Origin
from app.core.entry import (
    adding,
    disowning,
    first_admin,
    letters,
    pausing,
    recovery,
    registration,
    signin,
)
from app.core.entry.choosing import NotBoth
from app.core.errors import AddressTaken, CannotSignIn, LinkDead, TooManyPasswords, WrongCode
from app.core.outbox import Kind
from app.core.people import users
from app.core.proof import codes, guesses
from app.edge import ours
from app.models.access import Code, Purpose, SignInSession
from app.models.people import Entitlement, User
from app.models.records import OutgoingMessage

FORM = "ann@x.example"
UPPER, LOWER, NEITHER = "Ann@x.example", "ann@X.example", "ANN@x.example"
WORDS = {UPPER: "three green kettles", LOWER: "four blue teapots"}
NEW = "seven amber lanterns"
HERE = Origin(ip="127.0.0.9", user_agent="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=32)


@pytest.fixture
def terms(app):
    """What the journeys go by here."""
    with app.app_context():
        return ours.terms()


@pytest.fixture
def make(people):
    """Makes an account that shares its canonical address with others."""

    def made(email, **columns):
        return people.account(email, address=None, shared_address=canonical(email), **columns)

    return made


@pytest.fixture
def pair(make):
    """Two accounts, by spelling; each holds an id of its own."""
    return {
        email: make(email, password=words, ids=[f"ID-{number}"])
        for number, (email, words) in enumerate(WORDS.items())
    }


@pytest.fixture
def enter(db, terms):
    """Signs in and commits; the id of who was let in."""

    def signed_in(email, password):
        entered = signin.with_password(
            db, email, password, remember=False, terms=terms, origin=HERE
        )
        db.commit()
        return entered.user.id

    return signed_in


@pytest.fixture
def ask_reset(db, terms, mails):
    """Asks for a new password; the token and the code of the mail to `to`."""

    def asked(email, to):
        recovery.ask_reset(db, email, terms=terms, origin=HERE)
        db.commit()
        return mails.link(to).rsplit("/", 1)[1], mails.code(to)

    return asked


def messages(db):
    db.rollback()
    rows = db.scalars(select(OutgoingMessage).order_by(OutgoingMessage.id))
    return [(each.kind, each.recipient, each.user_id) for each in rows]


def hashes(db):
    db.rollback()
    return dict(db.execute(select(User.email, User.password_hash)).all())


# Signing in.


@pytest.mark.parametrize("spelling", [UPPER, LOWER])
@pytest.mark.parametrize("blanks", ["{}", "  {}", "{}\n", "\t{} "])
def test_case_6_each_signs_in_by_its_own_spelling(pair, enter, spelling, blanks):
    assert enter(blanks.format(spelling), WORDS[spelling]) == pair[spelling].id


@pytest.mark.parametrize(
    ("typed", "password"),
    [
        (UPPER, WORDS[LOWER]),
        (LOWER, WORDS[UPPER]),
        (NEITHER, WORDS[UPPER]),
        (NEITHER, WORDS[LOWER]),
        (FORM, WORDS[LOWER]),
        (f"{FORM} ", WORDS[UPPER]),
    ],
)
def test_case_6_nobody_gets_in_by_the_other_spelling_or_by_neither(
    db, pair, enter, typed, password
):
    with pytest.raises(CannotSignIn):
        enter(typed, password)
    assert db.scalar(select(func.count()).select_from(SignInSession)) == 0


def test_case_6_neither_sees_what_is_the_others(db, pair):
    for number, user in enumerate(pair.values()):
        held = select(Entitlement.lo_root_id).where(Entitlement.user_id == user.id)
        assert db.scalars(held).all() == [f"ID-{number}"]


def test_an_address_with_outer_blanks_is_found_without_them(make, enter, people):
    blank = make(" Cay@x.example", password="three green kettles")
    make("cay@x.example", password="four blue teapots")
    assert enter("Cay@x.example", "three green kettles") == blank.id
    assert blank.mailbox == "Cay@x.example"


def test_where_blanks_are_all_that_differs_the_exact_spelling_counts(make, enter):
    blank = make(" cay@x.example", password="three green kettles")
    plain = make("cay@x.example", password="four blue teapots")
    assert enter("cay@x.example", "four blue teapots") == plain.id
    assert enter(" cay@x.example", "three green kettles") == blank.id
    with pytest.raises(CannotSignIn):
        enter("cay@x.example ", "three green kettles")


def test_two_that_fit_without_their_blanks_are_neither(make, db):
    make(" cay@x.example")
    make("cay@x.example ")
    assert users.find(db, "cay@x.example", "cay@x.example") is None


def test_a_third_one_changes_nothing_for_the_first_two(pair, make, enter):
    third = make(NEITHER, password="nine red bicycles")
    for email, words in WORDS.items():
        assert enter(email, words) == pair[email].id
    assert enter(NEITHER, "nine red bicycles") == third.id


def test_the_legacy_way_to_look_somebody_up_finds_neither(db, pair):
    assert User.get_by_email(db, UPPER) is None


# One budget for all.


def test_tries_are_counted_by_the_form_that_all_share(db, pair, enter):
    with time_machine.travel(START, tick=False) as clock:
        for number in range(guesses.LIMIT.tries):
            with pytest.raises(CannotSignIn):
                enter([UPPER, LOWER, NEITHER, f" {FORM}"][number % 4], "wrong")
            clock.shift(STEP)
        for email, words in WORDS.items():
            with pytest.raises(TooManyPasswords):
                enter(email, words)


def test_the_pause_is_told_to_all_who_share_it_and_lifted_for_all(db, pair, enter, terms, mails):
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(guesses.LIMIT.tries):
            with pytest.raises(CannotSignIn):
                enter(UPPER, "wrong")
            clock.shift(STEP)
        assert messages(db) == [("paused", each, pair[each].id) for each in (UPPER, LOWER)]
        token, code = mails.link(UPPER).removeprefix("/lift-pause/"), mails.code(UPPER)
        for email in (LOWER, NEITHER):
            if code == mails.code(LOWER):
                continue  # One chance in a million.
            with pytest.raises(WrongCode):
                pausing.lift_by_code(db, email, code, terms=terms, origin=HERE)
            db.commit()
        pause = pausing.read_link(db, token, terms=terms)
        assert (pause.address, pause.mailbox) == (FORM, UPPER)
        assert pausing.lift_by_link(db, token, terms=terms, origin=HERE) == FORM
        db.commit()
        with pytest.raises(WrongCode):
            pausing.lift_by_code(db, UPPER, code, terms=terms, origin=HERE)
        db.commit()
        assert enter(LOWER, WORDS[LOWER])


def test_the_code_of_the_pause_works_for_its_own_spelling(db, pair, enter, terms, mails):
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(guesses.LIMIT.tries):
            with pytest.raises(CannotSignIn):
                enter(LOWER, "wrong")
            clock.shift(STEP)
        code = mails.code(LOWER)
        assert pausing.lift_by_code(db, f" {LOWER}", code, terms=terms, origin=HERE) == FORM
        db.commit()
        assert enter(LOWER, WORDS[LOWER])


def test_a_pause_by_a_spelling_of_nobody_is_told_to_all_who_share_the_form(db, pair, enter, mails):
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(guesses.LIMIT.tries):
            with pytest.raises(CannotSignIn):
                enter(NEITHER, "wrong")
            clock.shift(STEP)
        states = db.scalars(select(OutgoingMessage.state)).all()
        assert states == ["queued", "queued"]
        assert [len(mails.to(email)) for email in (UPPER, LOWER, FORM)] == [1, 1, 0]


# A new password.


@pytest.mark.parametrize(("spelling", "other"), [(UPPER, LOWER), (LOWER, UPPER)])
def test_a_reset_goes_to_the_stored_spelling_and_changes_that_account_alone(
    db, pair, enter, ask_reset, terms, spelling, other
):
    token, _code = ask_reset(f"  {spelling} ", spelling)
    assert messages(db) == [("reset", spelling, pair[spelling].id)]
    enter(other, WORDS[other])
    before = hashes(db)
    recovery.choose_by_link(db, Purpose.RESET, token, NEW, terms=terms, origin=HERE)
    db.commit()
    after = hashes(db)
    assert after[other] == before[other]
    assert after[spelling] != before[spelling]
    others = select(SignInSession.ended_at).where(SignInSession.user_id == pair[other].id)
    assert db.scalars(others).all() == [None]
    assert enter(spelling, NEW) == pair[spelling].id
    assert enter(other, WORDS[other]) == pair[other].id


def test_the_code_of_one_is_worth_nothing_for_the_other(db, pair, ask_reset, terms, enter):
    _token, code = ask_reset(UPPER, UPPER)
    before = hashes(db)
    for email in (LOWER, NEITHER, FORM):
        with pytest.raises(NotBoth) as refused:
            recovery.choose_by_code(db, Purpose.RESET, email, code, NEW, terms=terms, origin=HERE)
        assert isinstance(refused.value.by_field["code"], WrongCode)
    assert hashes(db) == before
    recovery.choose_by_code(db, Purpose.RESET, f" {UPPER}", code, NEW, terms=terms, origin=HERE)
    db.commit()
    assert enter(UPPER, NEW) == pair[UPPER].id
    assert hashes(db)[LOWER] == before[LOWER]


def test_wrong_codes_are_counted_by_the_form_that_all_share(db, pair, ask_reset, terms):
    _token, code = ask_reset(UPPER, UPPER)
    for number in range(codes.LIMIT.tries):
        with pytest.raises(NotBoth):
            recovery.choose_by_code(
                db, Purpose.RESET, [LOWER, NEITHER][number % 2], "000000", NEW,
                terms=terms, origin=HERE,
            )  # fmt: skip
    with pytest.raises(NotBoth) as refused:
        recovery.choose_by_code(db, Purpose.RESET, UPPER, code, NEW, terms=terms, origin=HERE)
    assert refused.value.status == 429


def test_one_without_a_password_sets_one_and_the_other_keeps_its_own(db, make, enter, terms, mails):
    bare = make(UPPER, password=None)
    other = make(LOWER, password=WORDS[LOWER])
    recovery.ask_setup(db, "Lovelace", UPPER, terms=terms, origin=HERE)
    db.commit()
    assert messages(db) == [("setup", UPPER, bare.id)]
    token = mails.link(UPPER).removeprefix("/setup-password/")
    recovery.choose_by_link(db, Purpose.SETUP, token, NEW, terms=terms, origin=HERE)
    db.commit()
    assert enter(UPPER, NEW) == bare.id
    assert enter(LOWER, WORDS[LOWER]) == other.id


def test_this_was_not_me_shuts_one_account_alone(db, pair, enter, terms, mails):
    for email, words in WORDS.items():
        enter(email, words)
    token = mails.link(UPPER).removeprefix("/not-me/")
    assert disowning.disown(db, token, terms=terms, origin=HERE) == UPPER
    db.commit()
    assert messages(db)[-1] == ("reset", UPPER, pair[UPPER].id)
    assert enter(LOWER, WORDS[LOWER]) == pair[LOWER].id
    with pytest.raises(CannotSignIn):
        enter(UPPER, WORDS[UPPER])


# A spelling that fits nobody, and nobody new.


def doors(db, terms):
    return {
        "register": lambda email: registration.begin(
            db, "Lovelace", email, terms=terms, origin=HERE
        ),
        "forgot": lambda email: recovery.ask_reset(db, email, terms=terms, origin=HERE),
        "first time": lambda email: recovery.ask_setup(
            db, "Lovelace", email, terms=terms, origin=HERE
        ),
    }


@pytest.mark.parametrize("door", ["register", "forgot", "first time"])
@pytest.mark.parametrize("listed", [True, False])
def test_a_spelling_that_fits_none_is_told_so_by_mail(db, pair, people, terms, mails, door, listed):
    if listed:
        people.listed("Lovelace", FORM, "A1", follow=False)
    assert doors(db, terms)[door](NEITHER) == FORM
    db.commit()
    assert messages(db) == [("spelling", FORM, None)]
    assert "Type your address exactly as you always did" in mails.text(FORM)
    assert str(mails.to(FORM)[-1]["Subject"]) == "About your Rollcall account"
    assert db.scalars(select(Code.secret_hash)).all() == [None]


def test_the_mail_about_spellings_goes_once_a_day(db, pair, terms):
    for door in doors(db, terms).values():
        door(NEITHER)
    db.commit()
    states = select(OutgoingMessage.state).order_by(OutgoingMessage.id)
    assert db.scalars(states).all() == ["queued", "held", "held"]


def test_who_is_listed_under_the_form_cannot_register_it(db, pair, people, terms, mails):
    people.listed("Lovelace", FORM, "A1", follow=False)
    for kind, email in (("have_account", UPPER), ("spelling", NEITHER)):
        registration.begin(db, "Lovelace", email, terms=terms, origin=HERE)
        db.commit()
        assert messages(db)[-1][0] == kind
    _id, digits = codes.issue(
        db, Purpose.REGISTRATION, FORM, lifetime=timedelta(minutes=5), keys=terms.keys
    )
    db.commit()
    with pytest.raises(LinkDead):
        registration.finish(db, FORM, digits, NEW, terms=terms, origin=HERE)
    db.rollback()
    assert db.scalar(select(func.count()).select_from(User)) == 2


@pytest.mark.parametrize("email", [UPPER, LOWER, NEITHER, f" {FORM} "])
def test_no_admin_adds_the_form_and_nobody_becomes_admin_with_it(db, pair, people, terms, email):
    admin = people.account("grace@x.example")
    with pytest.raises(AddressTaken):
        adding.add_person(db, "Lovelace", email, [], by=admin.id, terms=terms, origin=HERE)
    db.rollback()
    token = people.admin_link().removeprefix("/setup/admin/")
    with pytest.raises(AddressTaken):
        first_admin.enter(
            db, token, last_name="Lovelace", email=email, password="seven amber lanterns here",
            test_mail=False, terms=terms, origin=HERE,
        )  # fmt: skip
    db.rollback()
    assert db.scalar(select(func.count()).select_from(User)) == 3


def test_a_mail_to_who_shares_a_form_carries_its_own_code(db, pair, terms):
    for email in WORDS:
        letters.send(db, Kind.RESET, email, terms=terms)
    db.commit()
    assert db.scalars(select(Code.address).order_by(Code.id)).all() == [UPPER, LOWER]

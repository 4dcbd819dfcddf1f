"""Many at once: what may happen once happens once, and every try is counted.

Each thread has a database session of its own, and all of them start together.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import func, select, update

from app.core import clock, outbox, throttle
from app.core.audit import NOWHERE
from app.core.entry import by_code, by_link, first_admin, recovery, registration, signin
from app.core.entry.by_code import Door
from app.core.errors import LinkDead, Refusal, TooManyTries, WrongCode
from app.core.outbox import Kind
from app.core.people import roles
from app.core.proof import codes, guesses, links, stamps
from app.core.proof.links import Link
from app.edge import ours
from app.models.access import Purpose, SignInSession, TryCount
from app.models.people import RoleGrant, User
from app.models.records import OutgoingMessage

ADA = "ada@learn.agency.example"
WORDS = "three green kettles"
PURPOSE = Purpose.REGISTRATION


@pytest.fixture
def terms(app):
    """What registration goes by here."""
    with app.app_context():
        return ours.terms()


@pytest.fixture
def at_once(app):
    """Runs `act(db, number)` in so many threads at once; what each returned or was refused."""
    make = app.extensions["rollcall"].sessions

    def run(act, threads):
        barrier = Barrier(threads)

        def one(number):
            with make() as db:
                barrier.wait(20)
                try:
                    result = act(db, number)
                    db.commit()
                except Refusal as refusal:
                    db.rollback()
                    return refusal
                return result

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, range(threads)))

    return run


def outcomes(results):
    return Counter(each.code if isinstance(each, Refusal) else "done" for each in results)


def count(db, table):
    db.rollback()
    return db.scalar(select(func.count()).select_from(table))


def test_forty_tries_at_once_count_exactly_to_the_limit(at_once, db):
    def attempt(db, _number):
        return throttle.count(db, "password", ADA, codes.LIMIT)

    results = at_once(attempt, 40)
    numbers = sorted(each for each in results if not isinstance(each, Refusal))
    assert numbers == [1, 2, 3, 4, 5]
    assert outcomes(results) == {"done": 5, "too_many_tries": 35}
    assert db.scalar(select(TryCount.count)) == 5


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("place", [0, 20, 39])
def test_forty_guesses_at_a_code_are_five_and_the_right_one_is_then_dead(place, at_once, db, terms):
    lifetime = terms.code_lifetime
    code_id, digits = codes.issue(db, PURPOSE, ADA, lifetime=lifetime, keys=terms.keys)
    db.commit()

    def guess(db, number):
        typed = digits if number == place else f"{(int(digits) + 1 + number) % 10**6:06d}"
        try:
            found = codes.check(db, PURPOSE, ADA, typed, keys=terms.keys)
        except WrongCode:
            db.commit()
            raise
        codes.use(db, PURPOSE, ADA, found)
        return found

    seen = outcomes(at_once(guess, 40))
    db.rollback()
    assert seen["done"] <= 1
    if seen["done"]:
        # The right one was among the first five: it forgot the tries that stood before it.
        assert not codes.is_unused(db, code_id)
        return
    assert seen == {"wrong_code": 5, "too_many_tries": 35}
    with pytest.raises(TooManyTries):
        codes.check(db, PURPOSE, ADA, digits, keys=terms.keys)


@pytest.mark.usefixtures("shelf")
def test_five_wrong_codes_at_once_end_the_right_one(at_once, db, terms):
    digits = codes.issue(db, PURPOSE, ADA, lifetime=terms.code_lifetime, keys=terms.keys)[1]
    db.commit()

    def guess(db, number):
        wrong = f"{(int(digits) + 1 + number) % 10**6:06d}"
        return registration.finish(db, ADA, wrong, WORDS, terms=terms, origin=NOWHERE)

    assert set(outcomes(at_once(guess, 5))) == {"not_both"}
    with pytest.raises(TooManyTries):
        codes.check(db, PURPOSE, ADA, digits, keys=terms.keys)


@pytest.mark.usefixtures("shelf")
def test_one_code_thirty_times_at_once_is_good_once(at_once, db, terms):
    for _round in range(5):
        code_id, _digits = codes.issue(
            db, PURPOSE, ADA, lifetime=terms.code_lifetime, keys=terms.keys
        )
        db.commit()
        seen = outcomes(at_once(lambda db, _n: codes.use(db, PURPOSE, ADA, code_id), 30))  # noqa: B023
        assert seen == {"done": 1, "wrong_code": 29}


@pytest.mark.usefixtures("shelf")
def test_a_code_its_button_and_a_new_password_at_once_let_one_in_and_never_wait_for_each_other(
    at_once, db, terms, people
):
    user = people.account(ADA, verified_at=clock.now())
    reset = {"user": user.id, "stamp": stamps.stamp_of(user)}
    new_password = links.mint(Link.RESET, reset, keys=terms.keys)
    door = Door(Purpose.SIGN_IN, terms.code_lifetime, "this browser")
    for number in range(4):
        code_id, digits = codes.issue(
            db, door.purpose, ADA, requester=door.requester, lifetime=door.lifetime, keys=terms.keys
        )
        db.commit()
        linked = by_link.Linked(ADA, code_id, "")

        def come(db, n):
            if n == 0 and number == 0:  # noqa: B023
                recovery.choose_by_link(
                    db, Purpose.RESET, new_password, "amber tram at noon", terms=terms,
                    origin=NOWHERE,
                )  # fmt: skip
                return
            if n % 2:
                by_code.prove(db, ADA, digits, door, terms=terms, origin=NOWHERE)  # noqa: B023
            else:
                by_link.prove(db, linked, door, origin=NOWHERE)  # noqa: B023
            signin.admit(db, user.id, "code", NOWHERE, remember=False, lifetimes=terms.lifetimes)

        seen = outcomes(at_once(come, 12))
        assert seen["done"] in ({1, 2} if number == 0 else {1})
        assert set(seen) <= {"done", "wrong_code", "link_dead", "too_many_tries"}


@pytest.mark.usefixtures("shelf")
def test_two_codes_of_one_person_at_once_are_good_once_and_never_wait_for_each_other(
    at_once, db, terms
):
    for _round in range(8):
        ids = [
            codes.issue(db, PURPOSE, ADA, lifetime=terms.code_lifetime, keys=terms.keys)[0]
            for _ in range(6)
        ]
        db.commit()
        seen = outcomes(at_once(lambda db, n: codes.use(db, PURPOSE, ADA, ids[n]), 6))  # noqa: B023
        assert seen == {"done": 1, "wrong_code": 5}


def test_two_people_at_once_with_one_code_open_one_account(at_once, db, people, mails, terms):
    people.listed("Lovelace", ADA, "A1")
    registration.begin(db, "Lovelace", ADA, terms=terms, origin=NOWHERE)
    db.commit()
    code = mails.code(ADA)
    results = at_once(
        lambda db, _n: registration.finish(db, ADA, code, WORDS, terms=terms, origin=NOWHERE), 4
    )
    assert outcomes(results)["done"] == 1
    assert count(db, User) == 1
    assert count(db, SignInSession) == 1


def test_one_button_pressed_twenty_times_at_once_opens_one_account(
    at_once, db, people, mails, terms
):
    people.listed("Lovelace", ADA, "A1")
    registration.begin(db, "Lovelace", ADA, terms=terms, origin=NOWHERE)
    db.commit()
    token = mails.link(ADA).rsplit("/", 1)[1]
    results = at_once(
        lambda db, _n: registration.finish_by_link(db, token, WORDS, terms=terms, origin=NOWHERE),
        20,
    )
    assert outcomes(results) == {"done": 1, "link_dead": 19}
    assert count(db, User) == 1
    assert count(db, SignInSession) == 1


def test_two_buttons_of_one_person_at_once_open_one_account(at_once, db, people, mails, terms):
    people.listed("Lovelace", ADA, "A1")
    tokens = []
    for _ in range(4):
        registration.begin(db, "Lovelace", ADA, terms=terms, origin=NOWHERE)
        db.commit()
        tokens.append(mails.link(ADA).rsplit("/", 1)[1])
    results = at_once(
        lambda db, n: registration.finish_by_link(
            db, tokens[n], WORDS, terms=terms, origin=NOWHERE
        ),
        4,
    )
    assert outcomes(results) == {"done": 1, "link_dead": 3}
    assert count(db, User) == 1


def test_the_consoles_link_used_by_eight_at_once_makes_one_owner(at_once, db, people, terms):
    token = people.admin_link().rsplit("/", 1)[1]

    def claim(db, number):
        return first_admin.enter(
            db, token, last_name="Hopper", email=f"p{number}@x.example",
            password="four blue teapots", test_mail=False, terms=terms, origin=NOWHERE,
        )  # fmt: skip

    assert outcomes(at_once(claim, 8)) == {"done": 1, "link_dead": 7}
    assert count(db, RoleGrant) == 1
    assert count(db, User) == 1
    with pytest.raises(LinkDead):
        roles.make_owner(db, 1, stamp=0)


def sign_in(terms, password=WORDS):
    def act(db, _number):
        return signin.with_password(db, ADA, password, remember=False, terms=terms, origin=NOWHERE)

    return act


@pytest.mark.parametrize("start", [0, None], ids=["from 0", "from nothing"])
def test_visits_of_twenty_at_once_are_all_counted(start, at_once, db, people, terms):
    people.account(ADA)
    db.execute(update(User).values(visit_count=start))
    db.commit()
    seen = outcomes(at_once(sign_in(terms), 20))
    # More than ten at once may find each other's tries still counted; the rest come later.
    rest = 20 - seen["done"]
    for _ in range(rest):
        sign_in(terms)(db, 0)
        db.commit()
    assert set(seen) <= {"done", "too_many_tries"}
    assert count(db, SignInSession) == 20
    assert db.scalar(select(User.visit_count)) == 20


def test_forty_wrong_passwords_at_once_are_five_tries_and_the_rest_wait(at_once, db, people, terms):
    people.account(ADA)
    seen = outcomes(at_once(sign_in(terms, "wrong"), 40))
    # Who found the lane full was no try.
    assert set(seen) <= {"cannot_sign_in", "too_many_tries", "busy"}
    assert (seen["cannot_sign_in"], seen.total()) == (5, 40)
    with pytest.raises(TooManyTries):
        sign_in(terms)(db, 0)


def test_one_hash_renewed_by_many_at_once_stays_readable(at_once, db, people, terms):
    people.account(ADA)

    def act(db, _number):
        return signin.with_password(
            db, ADA, WORDS, remember=False, terms=replace(terms, rounds=5), origin=NOWHERE
        )

    # More would find each other's tries still counted where the machine is slow.
    many = min(guesses.LIMIT.waits) - 1
    assert outcomes(at_once(act, many)) == {"done": many}
    sign_in(terms)(db, 0)


def test_messages_are_claimed_by_one_worker_each(at_once, db):
    written = 24
    for number in range(written):
        outbox.queue(db, Kind.HAVE_ACCOUNT, f"p{number}@x.example")
    db.commit()

    def work(db, _number):
        claimed = []
        for _ in range(100):
            message = outbox.claim_due(db)
            db.commit()
            if message is not None:
                claimed.append(message.id)
        return claimed

    taken = [message_id for claimed in at_once(work, 4) for message_id in claimed]
    assert len(taken) == len(set(taken)) == written


def test_the_cap_of_a_mailbox_holds_when_many_write_at_once(at_once, db):
    def write(db, _number):
        outbox.queue(db, Kind.HAVE_ACCOUNT, ADA)

    at_once(write, 20)
    states = Counter(db.scalars(select(OutgoingMessage.state)))
    assert states == {"queued": outbox.MOST.tries, "held": 20 - outbox.MOST.tries}

"""Creating an account where anybody may: a limited session first, and everything once proven."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from sqlalchemy import func, select, update

from app import jobs
from app.core import clock
from app.core.audit import NOWHERE, Event
from app.core.entry import creating
from app.core.entry.creating import Wish
from app.core.errors import Refusal
from app.core.outbox import Kind
from app.edge import identity, ours
from app.models.access import Credential, CredentialKind, Registration, SignInSession
from app.models.people import Profile, User
from app.models.records import AuditEntry, OutgoingMessage
from tests.moments import TURNS, fitting, seconds

EVE = "eve@harbour.example"
ADA = "ada@learn.agency.example"
NAME = "Eve  van Dijk"
PASSWORD = "three green kettles"
OTHER = "seven violet lanterns"


@pytest.fixture
def environment(environment):
    """An installation to which anybody may come."""
    return environment | {"REGISTRATION": "both", "ORGANISATION": "the Agency"}


def create(visitor, email=EVE, password=PASSWORD, name=NAME, **fields):
    return visitor.submit(
        "/create-account", full_name=name, email=email, password=password, **fields
    )


def type_code(visitor, code):
    return visitor.submit("/create-account/code", code=code)


def press(visitor, link, **fields):
    return visitor.submit(link, **fields)


def person(db, email=EVE):
    db.rollback()
    return db.scalar(
        select(User).where(User.address == email).execution_options(populate_existing=True)
    )


def kinds(db, email=EVE):
    db.rollback()
    rows = select(OutgoingMessage.kind).where(OutgoingMessage.recipient == email)
    return list(db.scalars(rows.order_by(OutgoingMessage.id)))


def is_in(visitor):
    return visitor.get("/account").status_code == 200


def test_who_comes_looks_around_until_the_code_is_typed(visitor, people, mails, db):
    people.program("OPEN", name="Open to all", description="Anybody may ask it.")
    people.program("SHUT", name="For a class", ids=["A1"])
    asked = create(visitor)
    assert (asked.status_code, asked.location) == (303, "/program_select")
    page = visitor.page(visitor.get("/program_select"))
    words = page.find("main").get_text(" ")
    assert f"Check your mail: {EVE}" in words
    assert "Open to all" in words
    assert "For a class" not in words
    assert page.select("main a[href^='/chat']") == []
    for closed in ("/chat/OPEN", "/account", "/index_generic/OPEN"):
        assert visitor.get(closed).location == "/create-account/code"
    user = person(db)
    assert (user.came_by, user.verified_at, user.password_hash) == ("open", None, None)
    assert (user.last_name, db.get(Profile, user.id).full_name) == ("Dijk", "Eve van Dijk")
    assert db.scalar(select(func.count()).select_from(SignInSession)) == 0
    done = type_code(visitor, mails.code(EVE))
    assert (done.status_code, done.location) == (303, "/program_select")
    assert "your account is ready" in visitor.get("/program_select").text
    assert visitor.get("/chat/OPEN").status_code == 200
    assert person(db).verified_at is not None
    assert kinds(db) == [Kind.CREATE_ACCOUNT.value]  # The password was theirs: nothing to tell.
    events = set(db.scalars(select(AuditEntry.event).where(AuditEntry.user_id == user.id)))
    assert {Event.ACCOUNT_OPENED, Event.REGISTRATION_PROVEN, Event.SIGN_IN_ADMITTED} <= events
    visitor.submit("/logout")
    assert visitor.sign_in(EVE).status_code == 303


def test_the_button_opens_the_account_in_the_browser_that_asked(visitor, mails, db):
    create(visitor, remember="1")
    link = mails.link(EVE)
    for _ in range(3):  # A scanner looks first, as often as it likes.
        assert "Confirm and sign in" in visitor.get(link).text
    assert visitor.client.head(link).status_code == 200
    page = visitor.get(link)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert person(db).verified_at is None
    done = press(visitor, link)
    assert done.status_code == 303
    assert "Max-Age" in done.headers["Set-Cookie"] or "Expires" in done.headers["Set-Cookie"]
    assert is_in(visitor)
    assert person(db).has_password()
    assert (
        visitor.client.post(link, data={"csrf_token": visitor.token("/account")}).status_code == 410
    )


MALFORMED = [
    ({"name": ""}, "full-name", "Enter your name."),
    ({"name": " \t "}, "full-name", "Enter your name."),
    ({"name": "E" * 201}, "full-name", "A name can have 200 characters."),
    ({"name": "Eve\nDijk"}, "full-name", "line breaks"),
    ({"name": "\u202eeve"}, "full-name", "control characters"),
    ({"name": "Eve\u200b Dijk"}, "full-name", "control characters"),
    ({"name": "\u200d"}, "full-name", "Enter your name."),
    ({"name": "Win at www.prize.example"}, "full-name", "without an email or web address"),
    ({"email": ""}, "create-email", "Enter an address like"),
    ({"email": "eve@harbour"}, "create-email", "Enter an address like"),
    ({"password": ""}, "new-password", "Enter a password"),
    ({"password": "short one"}, "new-password", "needs 12 characters; this one has 9"),
    ({"password": "password1234"}, "new-password", "lists of common ones"),
    ({"password": "Eve van Dijk1"}, "new-password", "little more than your name"),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_missing_or_wrong_field_keeps_what_was_typed_and_says_why(visitors, mails):
    for changed, field, said in MALFORMED:
        visitor = visitors()
        typed = {"name": "Eve van Dijk", "email": EVE, "password": OTHER} | changed
        answer = create(visitor, typed["email"], typed["password"], typed["name"], remember="1")
        assert answer.status_code == 422, changed
        page = visitor.page(answer)
        assert page.title.get_text().startswith("Error: ")
        summary = page.select_one("main [data-error-summary]")
        assert summary["tabindex"] == "-1"
        assert [link["href"] for link in summary.select("a")] == [f"#{field}"]
        assert said in summary.get_text()
        assert said in page.select_one(f"#{field}-error").get_text()
        assert page.select_one(f"#{field}")["aria-invalid"] == "true"
        assert page.select_one("#create-email")["value"] == typed["email"]
        if "\n" not in typed["name"]:  # A browser posts no line break from a field of one line.
            assert page.select_one("#full-name")["value"] == typed["name"]
        assert not page.select_one("#new-password").has_attr("value")
        assert page.select_one("#remember").has_attr("checked")
    three = visitors().submit("/create-account")
    links = [link["href"] for link in visitors().page(three).select(".error-summary a")]
    assert links == ["#full-name", "#create-email", "#new-password"]
    assert mails.count() == 0


def test_free_and_taken_addresses_get_the_very_same_answers(visitors, people, db, mails):
    people.account(ADA)
    people.account("gone@x.example", status="Inactive")
    people.listed("Lovelace", "listed@x.example", "A1")
    people.account("setup@x.example", password=None, verified_at=clock.now())
    people.program("OPEN")
    seen = []
    for email in (EVE, ADA, "gone@x.example", "listed@x.example", "setup@x.example"):
        visitor = visitors()
        pages = [create(visitor, email)]
        pages += [visitor.get(path) for path in ("/program_select", "/create-account/code")]
        pages += [
            type_code(visitor, "000000"),
            visitor.submit("/create-account/code", to="/create-account/resend"),
        ]
        seen.append([_plain(page, email) for page in pages])
    assert seen[0] == seen[1] == seen[2] == seen[3] == seen[4]
    assert "has an account already" in mails.text(ADA)
    assert kinds(db, ADA) == [Kind.HAVE_ACCOUNT.value] * 2
    assert set(kinds(db, "gone@x.example")) == {Kind.SHUT_OUT.value}
    assert set(kinds(db, "setup@x.example")) == {Kind.SETUP.value}
    assert set(kinds(db, "listed@x.example")) == {Kind.CREATE_ACCOUNT.value}


def _plain(page, email):
    text = re.sub(r'(content|value)="[^"]{40,}"', "", page.text).replace(email, "")
    text = re.sub(r"<time.*?</time>|[0-9A-Z]{4}-[0-9A-Z]{4}", "", text)
    names = [name for name, _value in page.headers if name != "X-Request-ID"]
    return page.status_code, page.location, sorted(names), text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_free_and_taken_addresses_are_answered_at_the_same_moment(
    visitors, people, app, monkeypatch
):
    for turn in range(TURNS):
        people.account(f"taken{turn}@harbour.example")
    monkeypatch.setattr(app.extensions["rollcall"].settings, "ANSWER_TIME", 0.3)

    def is_the_moment(took):
        return 0.3 <= took < 0.4

    for whose in ("taken", "free", "taken", "new"):

        def measure(turn, whose=whose):
            visitor, email = visitors(), f"{whose}{turn}@harbour.example"
            token = visitor.token("/create-account")
            fields = {"full_name": NAME, "email": email, "password": PASSWORD, "csrf_token": token}
            return seconds(lambda: visitor.client.post("/create-account", data=fields))

        took = fitting(measure, is_the_moment)
        assert is_the_moment(took), (whose, took)


def test_a_listed_person_gets_the_account_that_the_list_has(visitor, people, mails, db):
    people.program("BCC", ids=["A1"])
    people.listed("Lovelace", ADA, "A1")
    create(visitor, ADA, name="Augusta King")
    assert "BCC" not in visitor.get("/program_select").text
    type_code(visitor, mails.code(ADA))
    user = person(db, ADA)
    assert (user.last_name, user.from_roster, user.came_by) == ("Lovelace", True, None)
    assert db.get(Profile, user.id).full_name == "Augusta King"
    assert "BCC" in visitor.get("/program_select").text


def test_an_account_that_waits_is_the_lists_once_its_person_is_listed(visitor, people, mails, db):
    people.program("BCC", ids=["A1"])
    create(visitor, ADA, name="Mallory")
    people.listed("Lovelace", ADA, "A1")
    user = person(db, ADA)
    assert (user.last_name, user.from_roster, user.came_by) == ("Lovelace", True, None)
    visitor.submit("/first-time-password", last_name="lovelace", email=ADA)
    assert kinds(db, ADA)[-1] == Kind.CREATE_ACCOUNT.value
    assert type_code(visitor, mails.code(ADA)).status_code == 303
    assert person(db, ADA).last_name == "Lovelace"
    assert "BCC" in visitor.get("/program_select").text


def test_the_password_counts_as_wrong_until_then_and_the_mail_comes_again(
    visitors, people, mails, db
):
    people.listed("Lovelace", ADA, "A1")
    for email in (EVE, ADA):
        create(visitors(), email)
        other = visitors()
        right = other.sign_in(email, PASSWORD)
        wrong = visitors().sign_in("nobody@harbour.example", PASSWORD)
        assert right.status_code == wrong.status_code == 401
        assert _plain(right, email) == _plain(wrong, "nobody@harbour.example")
        other.submit("/forgot-password", email=email)
        assert kinds(db, email) == [Kind.CREATE_ACCOUNT.value] * 3
        # Its reader cannot know which code it is: the page that they were led to takes it too.
        code = mails.code(email)
        # Who came by the list needs fewer characters than who came by themselves.
        short = other.submit("/reset-password", email=email, code=code, password="bright kite")
        assert short.status_code == (303 if email == ADA else 422)
        assert "needs 12 characters" in short.text or is_in(other)


def test_who_signs_out_looks_no_more(visitor, mails):
    create(visitor)
    copy = visitor.client.get_cookie("rollcall").value
    assert "Sign out" in visitor.get("/logout").text
    assert visitor.submit("/logout").location == "/login"
    visitor.client.set_cookie("rollcall", copy)
    assert visitor.get("/program_select").location.startswith("/login")
    assert visitor.get("/create-account/code").location == "/create-account"


def test_looking_around_can_be_switched_off(visitor, app, monkeypatch, mails):
    monkeypatch.setattr(app.extensions["rollcall"].settings, "LIMITED_SESSION", "nothing")
    assert create(visitor).location == "/create-account/code"
    assert visitor.get("/program_select").location == "/create-account/code"
    assert type_code(visitor, mails.code(EVE)).location == "/program_select"


# Where anybody may come, and where not. ---------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_way_of_registering_is_linked_where_it_is_open(visitor, app, monkeypatch):
    settings = app.extensions["rollcall"].settings

    def links(path):
        return {link["href"] for link in visitor.page(visitor.get(path)).select("a")}

    ways = {"/register", "/create-account"}
    assert links("/login") & ways == ways
    assert "On the list of the Agency?" in visitor.get("/create-account").text
    assert links("/create-account") >= ways
    monkeypatch.setattr(settings, "REGISTRATION", "open")
    assert visitor.get("/register").location == "/create-account"
    assert visitor.submit("/login", to="/register").location == "/create-account"
    assert links("/login") & ways == links("/create-account") & ways == {"/create-account"}


def test_with_a_list_alone_there_is_no_such_page(app, visitor, monkeypatch):
    monkeypatch.setattr(app.extensions["rollcall"].settings, "REGISTRATION", "roster")
    assert visitor.get("/create-account").status_code == 404
    posted = visitor.client.post("/create-account", data={"csrf_token": visitor.token()})
    assert posted.status_code == 404
    assert visitor.get("/create-account/code").location == "/login"


# Nobody gets hold of an account by asking for it first (account pre-hijacking). ------------------


@pytest.fixture
def squatted(visitors, mails):
    """The browser of a stranger who asked for an account with Eve's address."""
    stranger = visitors()
    create(stranger, EVE, OTHER, "Mallory")
    mails.to(EVE)
    return stranger


def check_lost(stranger, visitors, db):
    assert not is_in(stranger)
    assert visitors().sign_in(EVE, OTHER).status_code == 401
    assert db.scalar(select(func.count()).where(Registration.ended_at.is_(None))) == 0
    assert db.scalar(select(func.count()).where(Registration.password_hash.is_not(None))) == 0
    gone = stranger.get("/create-account/code")
    assert gone.status_code == 303
    assert stranger.get("/program_select").location.startswith("/login")


def test_who_proves_by_the_link_elsewhere_chooses_a_password_and_the_strangers_falls(
    squatted, visitors, mails, db
):
    code, link = mails.code(EVE), mails.link(EVE)
    owner = visitors()
    page = owner.get(link)
    assert "what was chosen there is dropped" in page.text
    assert press(owner, link).status_code == 422
    assert "needs 12 characters" in press(owner, link, password="bright kite").text
    assert press(owner, link, password=PASSWORD).status_code == 303
    assert is_in(owner)
    # What the stranger had open is worth nothing, with the right code too.
    late = squatted.client.post(
        "/create-account/code", data={"csrf_token": squatted.token("/login"), "code": code}
    )
    assert late.status_code == 303
    check_lost(squatted, visitors, db)
    assert visitors().sign_in(EVE, PASSWORD).status_code == 303


def test_who_proves_by_a_mailed_code_elsewhere_is_in_without_what_the_stranger_set(
    squatted, visitors, mails, db
):
    mails.to(EVE)
    old = mails.code(EVE)
    owner = visitors()
    owner.submit("/login/code", email=EVE)
    owner.submit("/login/code/enter", code=mails.code(EVE))
    assert is_in(owner)
    user = person(db)
    assert (user.password_hash, user.verified_at is None) == (None, False)
    squatted.client.post(
        "/create-account/code", data={"csrf_token": squatted.token("/login"), "code": old}
    )
    check_lost(squatted, visitors, db)


def test_a_limited_session_does_not_tell_that_its_address_has_an_account(
    visitors, people, mails, db
):
    people.account(ADA, verified_at=clock.now())
    stranger, owner = visitors(), visitors()
    create(stranger, ADA, OTHER)
    owner.submit("/login/code", email=ADA)
    owner.submit("/login/code/enter", code=mails.code(ADA))
    assert is_in(owner)
    owner.submit("/forgot-password", email=ADA)
    code = mails.code(ADA)
    owner.submit("/reset-password", email=ADA, code=code, password="seven amber lanterns")
    assert visitors().sign_in(ADA, "seven amber lanterns").status_code == 303
    assert f"Check your mail: {ADA}" in stranger.get("/program_select").text
    # It is worth nothing all the same.
    assert type_code(stranger, code).status_code == 400
    assert visitors().sign_in(ADA, OTHER).status_code == 401


def test_the_name_that_was_typed_keeps_nobody_from_a_first_password(squatted, visitors, mails, db):
    owner = visitors()
    owner.submit("/first-time-password", last_name="van Dijk", email=EVE)
    assert kinds(db)[-1] == Kind.CREATE_ACCOUNT.value
    data = {"email": EVE, "code": mails.code(EVE), "password": PASSWORD}
    assert owner.submit("/setup-password", **data).status_code == 303
    check_lost(squatted, visitors, db)


def test_who_registers_too_keeps_their_own_password(squatted, visitors, mails, db):
    owner = visitors()
    create(owner, EVE, PASSWORD, "Eve van Dijk")
    type_code(owner, mails.code(EVE))
    assert is_in(owner)
    user = person(db)
    assert (user.last_name, db.get(Profile, user.id).full_name) == ("Dijk", "Eve van Dijk")
    told = squatted.follow(squatted.get("/program_select"))
    assert "registration in this browser is over" in told.text
    check_lost(squatted, visitors, db)
    assert visitors().sign_in(EVE, PASSWORD).status_code == 303


def test_a_code_that_was_mailed_to_another_fits_nobody_and_counts(squatted, visitors, mails):
    create(visitors(), ADA)
    mine = mails.code(ADA)
    statuses = [type_code(squatted, mine).status_code for _ in range(6)]
    assert statuses == [400] * 5 + [429]
    # The owner's button works all the same.
    owner = visitors()
    assert press(owner, mails.link(EVE), password=PASSWORD).status_code == 303


def test_a_way_in_from_elsewhere_waits_for_the_same_proof(app, visitors, people, mails, db):
    """Somebody's account at a provider that does not vouch for the address it names."""
    people.account(EVE, verified_at=clock.now())
    way = (CredentialKind.GITHUB, "1815")

    def begin(email, number):
        with app.app_context():
            wish = Wish("Eve", email, None, (CredentialKind.GITHUB, number))
            token = creating.begin(db, wish, is_open=True, terms=ours.terms(), origin=NOWHERE)
            db.commit()
        return token

    def prove(email, token, code=None):
        with app.app_context():
            typed = code or mails.code(email)
            creating.prove_by_code(db, token, typed, terms=ours.terms(), origin=NOWHERE)
            db.commit()

    def owner(number):
        return db.scalar(select(Credential.user_id).where(Credential.identifier == number))

    token, stranger = begin(EVE, "1815"), begin(EVE, "666")
    assert owner("1815") is None
    assert "GitHub" in mails.text(EVE)
    elsewhere = visitors().get(mails.link(EVE))
    assert "Go on where you began" in elsewhere.text
    assert visitors().page(elsewhere).select(".sheet form") == []
    code = mails.code(EVE)
    prove(EVE, token, code)
    assert (owner("1815"), owner("666")) == (person(db).id, None)
    assert person(db).has_password()
    assert Kind.WAY_ADDED.value in kinds(db)
    with pytest.raises(Refusal):
        prove(EVE, stranger, code)
    # An account that is new has it from the beginning, and no password.
    prove(ADA, begin(ADA, "1852"))
    assert owner("1852") == person(db, ADA).id
    assert way[0].value == db.scalar(select(Credential.kind).where(Credential.identifier == "1815"))


def test_with_a_list_alone_a_way_in_opens_what_the_list_has_and_no_more(app, people, mails, db):
    people.listed("Lovelace", ADA, "A1")
    for email, number in ((EVE, "1815"), (ADA, "1852")):
        with app.app_context():
            wish = Wish("Ada", email, None, (CredentialKind.GITHUB, number))
            creating.begin(db, wish, is_open=False, terms=ours.terms(), origin=NOWHERE)
            db.commit()
    assert (kinds(db), person(db)) == ([Kind.NOT_LISTED.value], None)
    assert kinds(db, ADA) == [Kind.CREATE_ACCOUNT.value]
    assert person(db, ADA).last_name == "Lovelace"


def test_who_has_a_role_gets_no_way_in_by_mail_alone(app, people, mails, db):
    people.admin(EVE)
    with app.app_context():
        wish = Wish("Eve", EVE, None, (CredentialKind.GITHUB, "1815"))
        creating.begin(db, wish, is_open=True, terms=ours.terms(), origin=NOWHERE)
        db.commit()
    assert Kind.HAVE_ACCOUNT.value in kinds(db)
    assert Kind.CREATE_ACCOUNT.value not in kinds(db)


# Many at once, too often, too late. ---------------------------------------------------------------


@pytest.fixture
def at_once(app):
    """Runs `act(db, number)` in so many threads at once; how many of them were not refused."""
    make = app.extensions["rollcall"].sessions
    with app.app_context():
        terms = ours.terms()

    def run(act, threads):
        barrier = Barrier(threads)

        def one(number):
            with make() as db:
                barrier.wait(20)
                try:
                    result = act(db, number, terms)
                    db.commit()
                except Refusal as refusal:
                    db.rollback()
                    return refusal
                return result

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, range(threads)))

    return run


def test_registrations_and_proofs_at_once_make_one_account_and_let_one_in(at_once, mails, db):
    def ask(db, number, terms):
        wish = Wish(f"Eve {number}", EVE, f"hash {number}")
        return creating.begin(db, wish, is_open=True, terms=terms, origin=NOWHERE)

    tokens = at_once(ask, 4)
    assert all(isinstance(each, str) for each in tokens)
    assert db.scalar(select(func.count()).select_from(User)) == 1
    assert db.scalar(select(func.count()).select_from(Registration)) == 4
    code, link = mails.code(EVE), mails.link(EVE).rpartition("/")[2]

    def prove(db, number, terms):
        if number % 2:
            return creating.prove_by_code(db, tokens[number], code, terms=terms, origin=NOWHERE)
        return creating.prove_by_link(db, link, tokens[number], None, terms=terms, origin=NOWHERE)

    results = at_once(prove, 4)
    winners = [n for n, each in enumerate(results) if not isinstance(each, Refusal)]
    assert len(winners) == 1
    assert person(db).password_hash == f"hash {winners[0]}"
    assert person(db).last_name == str(winners[0])
    assert db.scalar(select(func.count()).select_from(SignInSession)) == 1


def test_asking_on_and_on_is_refused_alike(visitors, people):
    people.account(ADA)
    for email in (ADA, EVE):
        answers = [create(visitors(), email) for _ in range(11)]
        assert [each.status_code for each in answers] == [303] * 10 + [429]
        assert "Retry-After" in answers[-1].headers


def test_a_code_that_ran_out_is_mailed_anew(visitor, mails):
    with time_machine.travel(clock.now(), tick=False) as travel:
        create(visitor)
        code, link = mails.code(EVE), mails.link(EVE)
        travel.shift(timedelta(minutes=16))
        late = type_code(visitor, code)
        assert late.status_code == 400
        assert "A new one is on its way" in late.text
        dead = visitor.get(link)
        assert (dead.status_code, "Send me a new one" in dead.text) == (410, True)
        again = visitor.submit("/login", to="/new-link", token=link.rpartition("/")[2])
        assert again.location == "/create-account/code"
        assert type_code(visitor, mails.code(EVE)).status_code == 303


def test_what_nobody_confirmed_goes_and_everything_else_stays(visitors, people, app, mails, db):
    parts = app.extensions["rollcall"]
    people.listed("Lovelace", "listed@x.example", "A1")
    old = ["gone@x.example", "again@x.example", "proven@x.example", "listed@x.example"]
    for email in old:
        visitor = visitors()
        create(visitor, email)
        if email.startswith("proven"):
            type_code(visitor, mails.code(email))
    for email in ("adopted@x.example", "added@x.example"):
        people.account(email, password=None)
    longer = clock.now() - timedelta(days=8)
    db.execute(update(User).values(date_added=longer))
    db.execute(update(Registration).values(created_at=longer))
    db.commit()
    create(visitors(), "again@x.example")
    create(visitors(), "new@x.example")
    with app.app_context():
        jobs.drop_unconfirmed(parts.sessions, parts.settings)
    db.rollback()
    left = set(db.scalars(select(User.address)))
    assert left == {
        "again@x.example", "proven@x.example", "listed@x.example", "adopted@x.example",
        "added@x.example", "new@x.example",
    }  # fmt: skip
    assert set(db.scalars(select(Registration.address))) == {"again@x.example", "new@x.example"}


def test_an_account_that_an_admin_gave_its_address_is_an_admins(people, app, db):
    """It came by a chat and was used there, which leaves no session."""
    parts = app.extensions["rollcall"]
    longer = clock.now() - timedelta(days=8)
    chat = {"password": None, "came_by": "chat", "verified_at": longer, "date_added": longer}
    user = people.account(EVE, **chat)
    pin = {"kind": CredentialKind.PIN.value, "identifier": "18151852", "data": {"through": "GPT"}}
    db.add(Credential(user_id=user.id, created_at=longer, **pin))
    db.commit()
    path = f"/admin/people/{user.id}/edit"
    edited = people.admin().submit(path, last_name="Dijk", email=ADA, expires_on="", locale="")
    assert edited.status_code == 303
    with app.app_context():
        jobs.drop_unconfirmed(parts.sessions, parts.settings)
    assert (person(db, ADA).verified_at, person(db, ADA).came_by) == (None, None)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_looks_around_is_signed_in_no_more(app, visitor, people, db):
    """Somebody signed in while another tab was at a provider that vouches for no address."""
    people.account(ADA)
    visitor.sign_in(ADA)
    cookie = f"rollcall={visitor.client.get_cookie('rollcall').value}"
    with app.test_request_context("/", headers={"Cookie": cookie}):
        wish = Wish("Eve", EVE, None, (CredentialKind.GITHUB, "1815"))
        token = creating.begin(identity.db, wish, is_open=True, terms=ours.terms(), origin=NOWHERE)
        identity.db.commit()
        identity.look_around(token, "/", remember=False)
    db.rollback()
    assert db.scalars(select(SignInSession.end_reason)).all() == ["replaced"]

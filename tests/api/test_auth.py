"""`/api/auth`, as another module meets it: codes by real mails, tokens, the profile, the end."""

import base64
import hmac
import json
import time
from datetime import timedelta

import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import delete, select, update

from app.core import clock
from app.core.entry import access_tokens, signing
from app.core.entry.access_tokens import Audience, Issuer
from app.core.people import roles
from app.models.access import Code, Credential, SigningKey, SignInSession, TryCount
from app.models.people import Profile, RoleGrant, User
from app.models.records import AuditEntry
from app.models.rosters import RosterLine
from tests.statements import statements

ADA = "ada@learn.example"
USER = "/api/auth/user"
PROBLEM = "application/problem+json"


class Module:
    """Another program, which asks for somebody; it keeps no cookies."""

    def __init__(self, app, mails):
        self.client = app.test_client(use_cookies=False)
        self.mails = mails

    def post(self, path, body=None, token=None, **kwargs):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.post(f"/api/auth/{path}", json=body, headers=headers, **kwargs)

    def user(self, token):
        return self.client.get(USER, headers={"Authorization": f"Bearer {token}"})

    def ask(self, email=ADA):
        return self.post("request-otp", {"email": email})

    def verify(self, code, email=ADA):
        return self.post("verify-otp", {"email": email, "code": code})

    def sign_in(self, email=ADA):
        assert self.ask(email).status_code == 200
        answer = self.verify(self.mails.code(email), email)
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.fixture
def module(app, mails):
    return Module(app, mails)


@pytest.fixture
def ada(people):
    return people.account(ADA, ids=["L1"], last_name="Lovelace", locale="en-GB")


def told(db, *events):
    db.rollback()
    found = db.execute(select(AuditEntry.event, AuditEntry.details).order_by(AuditEntry.id))
    return [(each, details) for each, details in found if not events or each in events]


def test_a_code_by_mail_becomes_tokens_and_a_profile(module, ada, people, db, mails):
    people.program("SAFETY", ids=["L1"], name="safety at work")
    people.program("MI", ids=["L2"])
    people.program("BCC", name="Basic coaching")
    db.add(Profile(user_id=ada.id, full_name="Ada King", country="GB"))
    db.add(Credential(user_id=ada.id, kind="phone", identifier="+447700900123",
                      created_at=clock.now()))  # fmt: skip
    db.commit()
    asked = module.ask(" Ada@Learn.example ")
    assert (asked.status_code, asked.json) == (200, {"status": "sent", "expires_in": 300})
    assert "Set-Cookie" not in asked.headers
    given = module.verify(mails.code(ADA)).json
    assert {name: given[name] for name in ("token_type", "expires_in")} == {
        "token_type": "Bearer", "expires_in": 900
    }  # fmt: skip
    assert given["user"] == {
        "id": f"u_{ada.id}",
        "email": ADA,
        "email_verified": True,
        "phone": "+447700900123",
        "country": "GB",
        "role": "learner",
        "roles": [],
        "locale": "en-GB",
        "name": "Ada King",
        "programs": [
            {"code": "BCC", "name": "Basic coaching"},
            {"code": "SAFETY", "name": "safety at work"},
        ],
    }
    answer = module.user(given["access_token"])
    assert (answer.status_code, answer.json) == (200, given["user"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_every_request_and_outcome_is_in_the_audit_log_and_no_secret(module, ada, db, mails):
    module.ask()
    code = mails.code(ADA)
    module.verify("000000" if code != "000000" else "111111")
    given = module.verify(code).json
    renewed = module.post("refresh", {"refresh_token": given["refresh_token"]}).json
    module.post("refresh", {"refresh_token": "nonsense"})
    module.post("logout", token=renewed["access_token"])
    events = told(db)
    assert [name for name, _ in events if not name.startswith("mail:")] == [
        "code:asked",
        "sign_in:refused",
        "sign_in:admitted",
        "token:renewed",
        "sign_in:refused",
        "session:ended",
    ]
    written = json.dumps(events)
    for secret in (code, given["access_token"], given["refresh_token"].split(".")[1]):
        assert secret not in written


def test_who_is_unknown_gets_the_same_answer_and_nothing_by_it(module, ada, people, mails, db):
    people.account("s@learn.example", status="Inactive")
    people.listed("Hopper", "grace@learn.example")
    answers = set()
    for who in (ADA, "nobody@learn.example", "s@learn.example", "grace@learn.example"):
        answer = module.ask(who)
        headers = {k: v for k, v in answer.headers if k not in {"X-Request-ID", "Date"}}
        answers.add((answer.status_code, answer.text, tuple(sorted(headers.items()))))
        wrong = module.verify(
            "123456" if who not in {ADA, "grace@learn.example"} else "1234567", who
        )
        assert (wrong.status_code, wrong.json["code"]) == (400, "invalid_code")
    assert len(answers) == 1
    phone = module.post("request-otp", {"phone": "+447700900123"})
    assert (phone.status_code, phone.json) == (200, {"status": "sent", "expires_in": 300})
    for _ in range(5):
        wrong = module.post("verify-otp", {"phone": "+447700900123", "code": "123456"})
        assert (wrong.status_code, wrong.json["code"]) == (400, "invalid_code")
    assert module.post("verify-otp", {"phone": "+447700900123", "code": "1" * 6}).status_code == 429
    assert mails.count() == 5


def test_of_a_number_that_nobody_can_have_the_audit_log_knows_the_end_alone(module, db):
    number = "+99912345678"
    assert module.post("request-otp", {"phone": number}).status_code == 200
    wrong = {"phone": number, "code": "123456"}
    tried = [module.post("verify-otp", wrong).status_code for _ in range(6)]
    assert tried == [400] * 5 + [429]
    entries = db.scalars(select(AuditEntry)).all()
    assert {each.event for each in entries} == {"code:asked", "sign_in:refused"}
    assert {each.details["phone"] for each in entries} == {"••••••78"}
    assert {each.address for each in entries} == {None}
    assert number not in str([each.details for each in entries])


def test_a_wrong_a_used_and_a_late_code_sound_alike(module, ada, mails, db):
    module.ask()
    code = mails.code(ADA)
    wrong = module.verify("000000" if code != "000000" else "111111")
    assert module.verify(f" {code[:3]}-{code[3:]} ").status_code == 200
    used = module.verify(code)
    module.ask()
    late_code = mails.code(ADA)
    db.execute(update(Code).values(expires_at=clock.now() - timedelta(seconds=1)))
    db.commit()
    late = module.verify(late_code)
    said = [{**each.json, "reference": ""} for each in (wrong, used, late)]
    assert said[0] == said[1] == said[2]
    assert said[0]["code"] == "invalid_code"
    assert {each.status_code for each in (wrong, used, late)} == {400}
    assert wrong.mimetype == PROBLEM


def test_a_refresh_token_is_good_once_and_two_hands_on_it_end_the_session(module, ada, db):
    first = module.sign_in()
    second = module.post("refresh", {"refresh_token": first["refresh_token"]})
    assert second.status_code == 200
    assert set(second.json) == set(first)
    assert second.json["user"] == first["user"]
    assert module.user(first["access_token"]).status_code == 200
    third = module.post("refresh", {"refresh_token": second.json["refresh_token"]}).json
    stolen = module.post("refresh", {"refresh_token": first["refresh_token"]})
    assert (stolen.status_code, stolen.mimetype) == (401, PROBLEM)
    assert stolen.headers["WWW-Authenticate"].startswith("Bearer ")
    assert module.post("refresh", {"refresh_token": third["refresh_token"]}).status_code == 401
    assert module.user(third["access_token"]).status_code == 401
    db.rollback()
    assert db.scalars(select(SignInSession.end_reason)).one() == "refresh_reused"


def test_signing_out_ends_every_token_of_the_session_and_no_other(module, ada):
    here, elsewhere = module.sign_in(), module.sign_in()
    answer = module.post("logout", token=here["access_token"])
    assert (answer.status_code, answer.data) == (204, b"")
    assert module.user(here["access_token"]).status_code == 401
    assert module.post("logout", token=here["access_token"]).status_code == 401
    assert module.post("refresh", {"refresh_token": here["refresh_token"]}).status_code == 401
    assert module.user(elsewhere["access_token"]).status_code == 200


def test_who_may_not_be_here_any_more_is_out_at_the_next_request(module, people, db):
    people.listed("Hopper", "grace@learn.example")
    owner = people.account("owner@learn.example")
    roles.make_owner(db, owner.id, stamp=roles.owner_stamp(db))
    db.execute(update(User).where(User.id == owner.id).values(from_roster=True))
    people.account("s@learn.example")
    db.commit()
    whose = {who: module.sign_in(f"{who}@learn.example") for who in ("grace", "owner", "s")}
    assert whose["owner"]["user"]["role"] == "owner"
    assert whose["grace"]["user"]["name"] == "Hopper"
    assert all(module.user(each["access_token"]).status_code == 200 for each in whose.values())
    db.execute(update(User).where(User.email == "s@learn.example").values(status="inactive "))
    db.execute(update(RosterLine).values(active=False))
    db.execute(delete(RoleGrant))
    db.commit()
    for each in whose.values():
        assert module.user(each["access_token"]).status_code == 401
        assert module.post("refresh", {"refresh_token": each["refresh_token"]}).status_code == 401
        assert module.post("logout", token=each["access_token"]).status_code == 401


def test_a_token_runs_out_and_so_does_its_session(module, ada, settings):
    start = clock.now()
    with time_machine.travel(start, tick=False) as clock_:
        given = module.sign_in()
        clock_.shift(899)
        assert module.user(given["access_token"]).status_code == 200
        clock_.shift(2)
        assert module.user(given["access_token"]).status_code == 401
        given = module.post("refresh", {"refresh_token": given["refresh_token"]}).json
        assert module.user(given["access_token"]).status_code == 200
        clock_.shift(settings.API_SESSION_LIFETIME)
        assert module.post("refresh", {"refresh_token": given["refresh_token"]}).status_code == 401


def twin(token):
    """The same token with the other signature that verifies as well (r, n - s)."""
    head, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32)
    return f"{head}.{base64.urlsafe_b64encode(other).rstrip(b'=').decode()}"


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def by_hmac(header, claims, secret):
    text = f"{part(header)}.{part(claims)}"
    made = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


@pytest.fixture
def forged(app, ada, module, db, settings):
    """Tokens that must open nothing, made from one that does."""
    good = module.sign_in()["access_token"]
    issuer = Issuer(settings.PUBLIC_URL, [settings.FLASK_SECRET_KEY])
    session_id = db.scalars(select(SignInSession.id)).one()
    key = db.scalars(select(SigningKey)).one()
    real = signing.signer(db, keys=issuer.keys).key
    claims = jwt.decode(good, real, algorithms=["ES256"]).claims
    header = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}
    other = ECKey.generate_key("P-256", private=True)
    head, body, signature = good.split(".")

    def signed(with_header=header, key=real, **changed):
        return jwt.encode(with_header, {**claims, **changed}, key, algorithms=["ES256"])

    public = json.dumps(key.public).encode()
    pem = ECKey.import_key(key.public).as_pem(private=False)
    kids = ["../../etc/passwd", "' OR 1=1 --", "\0" * 43, "x" * 43, key.kid + "=", 7, None,
            ["a"], {"a": 1}, "\ud800", key.kid.lower()]  # fmt: skip
    ended = module.sign_in()["access_token"]
    module.post("logout", token=ended)
    return (
        good,
        {
            "none": f"{part({**header, 'alg': 'none'})}.{body}.",
            "None": f"{part({**header, 'alg': 'None'})}.{body}.{signature}",
            "hs256": by_hmac({**header, "alg": "HS256"}, claims, pem),
            "hs256 of the jwk": by_hmac({**header, "alg": "HS256"}, claims, public),
            "another key": signed(key=other),
            "a key that it brings": signed({**header, "jwk": other.as_dict(private=False)}, other),
            "a key's address": signed({**header, "jku": "https://evil.example/jwks"}, other),
            "crit": f"{part({**header, 'crit': ['exp']})}.{body}.{signature}",
            "no signature": f"{head}.{body}.",
            "two parts": f"{head}.{body}",
            "five parts": f"{good}.a.b",
            "another body": f"{head}.{part({**claims, 'sub': 'u_2'})}.{signature}",
            "another audience": signed(aud=access_tokens.audience_of(issuer.url, Audience.GPT)),
            "for a GPT": access_tokens.issue(
                db, ada, session_id, Audience.GPT, issuer=issuer, lifetime=timedelta(days=1)
            ),
            "an id token": signed({**header, "typ": "JWT"}),
            "another issuer": signed(iss="https://evil.example"),
            "a list of issuers": signed(iss=[issuer.url]),
            "run out": signed(exp=1),
            "no end": signed(exp="never"),
            "another person": signed(sub="u_999"),
            "no person": signed(sub="x"),
            "a number for a person": signed(sub=7),
            "no session": signed(sid="999999"),
            "an odd session": signed(sid={"a": 1}),
            "a list for a head": f"{part([[]])}.{body}.{signature}",
            "nested": base64.urlsafe_b64encode(b"[" * 2900).decode() + f".{body}.{signature}",
            "ended": ended,
            "the twin of an ended one": twin(ended),
            "an ended one, padded": ended + "=",
            "long": "a" * 10_000_000,
            "blank": "",
        }
        | {f"kid {kid!r}": f"{part({**header, 'kid': kid})}.{body}.{signature}" for kid in kids},
    )


def test_no_forged_token_opens_anything_or_breaks_anything(module, forged):
    good, bad = forged
    assert module.user(good).status_code == 200
    for name, token in bad.items():
        for answer in (module.user(token), module.post("logout", token=token or "=")):
            assert answer.status_code == 401, name
            assert answer.mimetype == PROBLEM, name
            assert answer.headers["WWW-Authenticate"].startswith("Bearer "), name
            assert token[:400] not in answer.text or not token, name
    assert module.user(good).status_code == 200


def test_the_header_is_read_strictly(module, ada):
    token = module.sign_in()["access_token"]
    for header, status in {
        f"bearer {token}": 200,
        f"BEARER  {token} ": 200,
        f"Bearer\t{token}": 401,
        f"Bearer {token}, Bearer {token}": 401,
        f"Bearer {token} {token}": 401,
        f"Basic {token}": 401,
        f"Bearer{token}": 401,
        token: 401,
        "Bearer": 401,
        f'Bearer "{token}"': 401,
    }.items():
        answer = module.client.get(USER, headers={"Authorization": header})
        assert answer.status_code == status, header
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert module.client.get(USER, headers=twice).status_code == 401
    for path in (f"{USER}?access_token={token}", USER):
        answer = module.client.get(path)
        assert (answer.status_code, answer.json["code"]) == (401, "no_token")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="rollcall"'


def test_the_cookie_of_the_site_is_nothing_here(app, people):
    visitor = people.signed_in(ADA)
    assert visitor.get(USER).status_code == 401
    answer = visitor.client.post("/api/auth/request-otp", json={"email": ADA})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"nonsense", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"email": 7}', "application/json", 400),
        (b'{"email": "ada"}', "application/json", 400),
        (b'{"email": "a@b.example", "phone": "+447700900123"}', "application/json", 400),
        (b'{"phone": "07700 900123"}', "application/json", 400),
        (b'{"email": "a@b.example", "email": "c@d.example"}', "application/json", 400),
        (b'{"email": "a\\u0000@b.example"}', "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b'{"email": "%s@b.example"}' % (b"a" * 300_000), "application/json", 413),
        (b"email=a@b.example", "application/x-www-form-urlencoded", 415),
        (b'{"email": "a@b.example"}', "text/plain", 415),
    ],
)
def test_a_body_that_is_none_is_refused_in_words(module, body, kind, status):
    for path in ("request-otp", "verify-otp"):
        answer = module.client.post(f"/api/auth/{path}", data=body, content_type=kind)
        assert (answer.status_code, answer.mimetype) == (status, PROBLEM)
        assert answer.json["status"] == status


def test_who_is_shut_out_between_the_mail_and_the_code_had_a_wrong_one(module, ada, mails, db):
    module.ask()
    db.execute(update(User).values(status="Inactive"))
    db.commit()
    answer = module.verify(mails.code(ADA))
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_code")
    db.rollback()
    assert db.scalars(select(SignInSession)).all() == []


@pytest.fixture
def open_to_all(environment):
    environment["REGISTRATION"] = "open"


def test_an_open_door_makes_an_account_of_a_proven_mailbox(open_to_all, module, db):
    given = module.sign_in("new@learn.example")
    assert given["user"]["name"] == ""
    assert given["user"]["email_verified"] is True
    assert module.user(given["access_token"]).status_code == 200


def test_five_wrong_codes_close_the_way_and_say_until_when(module, ada, mails):
    module.ask()
    code = mails.code(ADA)
    for _ in range(5):
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        assert module.verify(wrong).status_code == 400
    closed = module.verify(code)
    assert closed.status_code == 429
    assert 0 < int(closed.headers["Retry-After"]) <= 900
    assert closed.json["code"] == "too_many_tries"
    assert "or sign in on the site once" in closed.json["detail"]


def test_a_way_closed_for_good_says_what_opens_it_and_a_sign_in_on_the_site_does(
    module, ada, mails, visitor, db
):
    module.ask()
    wrong = f"{(int(mails.code(ADA)) + 1) % 10**6:06d}"
    assert module.verify(wrong).status_code == 400
    db.execute(update(TryCount).where(TryCount.scope == "code:api").values(in_a_row=100))
    db.commit()
    closed = module.verify(mails.code(ADA))
    assert (closed.status_code, closed.json["code"]) == (429, "too_many_tries")
    assert closed.json["detail"] == (
        "Too many wrong codes in a row. Sign in on the site once, then ask for a new code."
    )
    assert "Retry-After" not in closed.headers
    assert visitor.sign_in(ADA).status_code == 303
    module.ask()
    assert module.verify(mails.code(ADA)).status_code == 200


def test_one_address_is_mailed_ten_codes_in_a_quarter_of_an_hour(module, ada):
    answers = [module.ask().status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]
    assert module.ask("nobody@learn.example").status_code == 200


@pytest.fixture
def limited(environment):
    environment["RATELIMIT_ENABLED"] = "true"


def test_a_network_that_knocks_too_often_is_told_to_wait_as_a_program_is(limited, module):
    answers = [module.post("refresh", {"refresh_token": "x"}) for _ in range(62)]
    assert [each.status_code for each in answers] == [401] * 60 + [429] * 2
    for each in answers[60:]:
        assert (each.mimetype, each.json["code"]) == (PROBLEM, "too_many_requests")
        assert 0 < int(each.headers["Retry-After"]) <= 61


def test_the_published_keys_check_a_token_and_anybody_may_keep_them(module, ada, settings):
    before = module.client.get("/.well-known/jwks.json")
    assert (before.json, before.headers["Cache-Control"]) == ({"keys": []}, "no-store")
    given = module.sign_in()
    answer = module.client.get("/.well-known/jwks.json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert "d" not in answer.json["keys"][0]
    published = KeySet.import_key_set(answer.json)
    read = jwt.decode(given["access_token"], published, algorithms=["ES256"])
    assert read.claims["sub"] == f"u_{ada.id}"
    assert read.claims["iss"] == settings.PUBLIC_URL
    assert read.claims["exp"] - read.claims["iat"] == 900


def test_asking_who_somebody_is_takes_one_statement_and_writes_every_five_minutes(
    module, ada, people, db
):
    people.program("SAFETY", ids=["L1"])
    start = clock.now()
    with time_machine.travel(start, tick=False) as clock_:
        token = module.sign_in()["access_token"]
        module.user(token)  # The first one looks the key up, once in each process.
        db.rollback()
        with statements(db.get_bind()) as said:
            clock_.shift(299)
            assert module.user(token).status_code == 200
            assert len(said) == 1
            clock_.shift(2)
            assert module.user(token).status_code == 200
            words = [each.split()[0] for each in said[1:]]
            # SQLite is told how long it may wait, and afterwards how long it usually may.
            around = {"PRAGMA", "BEGIN", "COMMIT"}
            assert [word for word in words if word not in around] == ["SELECT", "UPDATE", "UPDATE"]
            said.clear()
            assert module.user(token).status_code == 200
            assert len(said) == 1
    db.rollback()
    assert db.scalars(select(SignInSession.last_seen_at)).one() == start + timedelta(seconds=301)


def test_a_server_that_renews_for_many_goes_on_beside_one_that_is_refused(limited, module, ada):
    given, wrong = module.sign_in(), {"refresh_token": "x"}
    refused = [module.post("refresh", wrong).status_code for _ in range(62)]
    assert refused == [401] * 60 + [429] * 2
    for _ in range(70):
        renewed = module.post("refresh", {"refresh_token": given["refresh_token"]})
        assert renewed.status_code == 200
        given = renewed.json
    refused = [module.post("logout", token="x").status_code for _ in range(62)]
    assert refused == [401] * 60 + [429] * 2
    assert module.post("logout", token=given["access_token"]).status_code == 204


def test_who_is_signed_in_is_told_while_an_import_holds_their_row(module, ada, app, db):
    token = module.sign_in()["access_token"]
    long_ago = clock.now() - timedelta(minutes=6)
    db.execute(update(SignInSession).values(last_seen_at=long_ago))
    db.commit()
    with app.extensions["rollcall"].sessions() as importing:
        importing.execute(update(User).values(last_name="Byron"))
        began = time.monotonic()
        assert module.user(token).json["name"] == "Lovelace"
        assert time.monotonic() - began < 5
        importing.commit()
    assert module.user(token).json["name"] == "Byron"
    assert db.scalar(select(SignInSession.last_seen_at)) > long_ago

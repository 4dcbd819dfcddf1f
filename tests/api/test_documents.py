"""Each contract's OpenAPI document: valid, and kept by what answers."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from threading import Thread

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.serving import make_server

from app.config import ROOT
from app.core.audit import NOWHERE
from app.core.entry import access_tokens, keys
from app.core.entry.access_tokens import Audience, Issuer
from app.core.entry.keys import KeyScope
from app.core.people import sessions
from app.core.people.sessions import Lifetimes, Seat

DAY = timedelta(days=1)


def token_for(db, people, settings, audience):
    """What a program is given that is signed in for somebody."""
    ada = people.account("ada@learn.agency.example")
    opened = sessions.open_session(
        db, ada.id, method=audience.value, remember=False, lifetimes=Lifetimes(DAY, DAY, DAY),
        origin=NOWHERE, seat=Seat(audience.value, DAY),
    )  # fmt: skip
    issuer = Issuer(settings.PUBLIC_URL, [settings.FLASK_SECRET_KEY])
    named = {"uid": ada.public_id, "email": ada.email}
    token = access_tokens.issue(
        db, ada, opened.session_id, audience, issuer=issuer, lifetime=DAY, **named
    )
    db.commit()
    return token


def bearer(db, people, settings):
    """A module shows its token, and nothing else."""
    token = token_for(db, people, settings, Audience.API)
    return {"Authorization": f"Bearer {token}"}, {}


def key(db, people, settings):
    """A custom GPT shows its key, and has the token of its person in the body."""
    _row, text = keys.create(db, "A GPT", [KeyScope.GPT], by=None, origin=NOWHERE)
    token = token_for(db, people, settings, Audience.GPT)
    return {"x-api-key": text}, {"GPT_TOKEN": token}


def signup_key(db, people, settings):
    """A GPT that signs people up shows its key as a bearer."""
    _row, text = keys.create(db, "A GPT", [KeyScope.SIGNUP], by=None, origin=NOWHERE)
    db.commit()
    return {"Authorization": f"Bearer {text}"}, {}


DOCUMENTS = {"auth": bearer, "gpt": key, "signup": signup_key}
"""The contracts, by the name of their document, and what makes a caller's headers and variables."""

LAST = {"logout"}
"""Operations after which nothing works for the caller; they are asked alone."""


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_document_is_valid_and_names_this_server(name, visitor, settings):
    document = visitor.get(f"/openapi/{name}.json").json
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1.")
    assert document["servers"] == [{"url": settings.PUBLIC_URL}]
    told = [each for path in document["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in told]
    assert len(names) == len(set(names))
    for each in told:
        assert 0 < len(each["summary"]) <= 300
        assert len(each.get("description", "")) <= 300


@pytest.fixture
def address(app):
    """Where the app is served, for a program that asks it over the network."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_schemathesis_finds_no_answer_that_its_document_does_not_have(
    name, address, visitor, db, people, settings, tmp_path
):
    exceptions = str(ROOT / "schemathesis.toml")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", exceptions]
    command += ["run", f"{address}/openapi/{name}.json"]
    command += ["--url", address, "--max-examples", "15", "--no-color"]
    command += ["--seed", "1", "--generation-database", "none"]
    headers, variables = DOCUMENTS[name](db, people, settings)
    environment = os.environ | {"GPT_TOKEN": ""} | variables
    for header, value in headers.items():
        command += ["-H", f"{header}: {value}"]
    document = visitor.get(f"/openapi/{name}.json").json
    there = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    last = sorted(LAST & set(there))
    filters = [[]]
    if last:
        filters = [[f"--{way}-operation-id", *last] for way in ("exclude", "include")]
    for chosen in filters:
        found = subprocess.run(
            [*command, *chosen],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = found.stdout[-8000:] + found.stderr[-2000:]
        assert found.returncode == 0, said
        assert "Unresolvable" not in said, said
        # What is asked for by an id that nobody has gets no further than 404.
        refused = re.findall(r"^ +- (POST /\S+)$", said.partition("Authentication failed")[2], re.M)
        assert set(refused) <= {"POST /conversations/get", "POST /auth/verify-email"}, said

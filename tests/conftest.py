"""What every test stands on: a fresh database of each kind, the app, visitors, people, mails."""

from __future__ import annotations

import gc
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from alembic import command
from alembic.config import Config
from bs4 import BeautifulSoup
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from psycopg import sql
from sqlalchemy import Engine, event, func, select, update
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app import config, create_app, jobs
from app.addresses import canonical
from app.config import ROOT, Settings
from app.core import clock
from app.core.entry import first_admin
from app.core.people import roles
from app.core.proof import redis_shelf, shelves
from app.core.roster import entitlements
from app.core.roster.files import surname_key
from app.core.roster.marks import SEPARATOR, marks_of
from app.database import Base
from app.models.people import Entitlement, Source, Status, User, UserLoRootId
from app.models.programs import Program, ProgramLoRootId
from app.models.records import OutgoingMessage
from app.models.rosters import ListInForce, RosterImport, RosterLine
from tests.copies import Copies
from tests.servers import Redis, start_postgres, start_redis
from tests.together import Together

PASSWORD = "three green kettles"
ENGINES = ("sqlite", "postgresql")
KEY = pytest.StashKey[dict[str, Any]]()


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL and migrate one database of each kind, once for the whole run."""
    # The program and its libraries stay to the end: looking through them again and again for what
    # could be let go takes more time than it gives back memory.
    gc.freeze()
    gc.set_threshold(50_000, 10, 5)
    compile_routes_once()
    if hasattr(config, "workerinput"):
        config.stash[KEY] = config.workerinput["ground"]
        return
    folder = Path(tempfile.mkdtemp(prefix="rollcall-tests-"))
    # PostgreSQL runs as another user than root, who must be able to reach its own folder.
    folder.chmod(0o755)
    postgres = start_postgres(folder / "postgres")
    postgres.create("template_rollcall")
    ground = {"folder": str(folder), "postgres": postgres.url("DATABASE")}
    migrate(f"sqlite:///{folder / 'template.db'}")
    migrate(postgres.url("template_rollcall"))
    config.stash[KEY] = ground

    def stop() -> None:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(stop)


def compile_routes_once() -> None:
    """Keep what the router compiles for a route: it is the same in every application here.

    Four fifths of the time of making an application are spent on it.
    """
    compiling, known = Rule._compile_builder, {}

    def compiled(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in known:
            known[key] = compiling(rule, append_unknown)
        return known[key]

    Rule._compile_builder = compiled  # type: ignore[method-assign]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each parallel worker where the ground is."""
    node.workerinput["ground"] = node.config.stash[KEY]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Who of the parallel processes runs which test."""
    return Together(config, log)


def migrate(url: str) -> None:
    """Bring an empty database to the newest revision."""
    alembic = Config(str(ROOT / "alembic.ini"))
    alembic.attributes["url"] = url
    command.upgrade(alembic, "head")


@pytest.fixture(scope="session")
def ground(pytestconfig: pytest.Config) -> dict[str, Any]:
    """Where the servers and templates of this run are."""
    return pytestconfig.stash[KEY]


class PostgresDatabase:
    """One database of a test process, emptied after each test: that is faster than a new one."""

    def __init__(self, server: str, name: str) -> None:
        self.url = server.replace("DATABASE", name)
        self.backends: set[int] = set()
        """The server's processes for an application that stays: ready for its next test."""
        plain = server.replace("+psycopg", "")
        with psycopg.connect(plain.replace("DATABASE", "postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template_rollcall')
        self.connection = psycopg.connect(plain.replace("DATABASE", name), autocommit=True)
        roles = self.connection.execute("SELECT name, permissions::text, version FROM roles")
        found = self.connection.execute("SELECT sequencename FROM pg_sequences").fetchall()
        # Emptying a hundred files and indexes takes longer than deleting a few rows; and to start
        # a sequence anew in its place is faster than to make it a file of its own again.
        statements = [f"DELETE FROM {table}" for table in reversed(Base.metadata.sorted_tables)]
        statements += [f"PERFORM setval('{each}', 1, false)" for (each,) in found]
        statements.append("INSERT INTO list_in_force (id) VALUES (1)")
        insert = "INSERT INTO roles (name, permissions, version) VALUES ({}, {}, {})"
        statements += [sql.SQL(insert).format(*role).as_string() for role in roles]
        # A function keeps its plans. This one is the connection's own, and nobody else's.
        self.connection.execute(
            "CREATE FUNCTION pg_temp.empty() RETURNS void LANGUAGE plpgsql AS"
            f" $$ BEGIN {'; '.join(statements)}; END $$"
        )

    def keep(self, engine: Engine) -> None:
        """Let the connections of this engine stay open from test to test."""

        @event.listens_for(engine, "connect")
        def _came(connection: Any, _record: Any) -> None:
            self.backends.add(connection.info.backend_pid)

    def empty(self) -> None:
        """Bring it back to what the migrations made."""
        # What a test left open must not hold a lock for ever.
        self.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND (state <> 'idle' OR pid <> ALL (%s))",
            [list(self.backends)],
        )
        self.connection.execute("SELECT pg_temp.empty()")


def own_database() -> str:
    """The name of the PostgreSQL database of this test process."""
    return f"test_{os.getpid()}"


@pytest.fixture(scope="session")
def postgres_database(ground: dict[str, Any]) -> Iterator[PostgresDatabase]:
    """The PostgreSQL database of this test process; it goes with the server."""
    made = PostgresDatabase(ground["postgres"], own_database())
    yield made
    made.connection.close()


@pytest.fixture(scope="session")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test process, for what stands where it stood from test to test."""
    return tmp_path_factory.mktemp("process")


@pytest.fixture(scope="session")
def copies(ground: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Copies:
    """Databases that this test process made once for several tests."""
    return Copies(ground["postgres"], tmp_path_factory.mktemp("copies"))


@pytest.fixture(params=ENGINES)
def database_url(
    request: pytest.FixtureRequest, ground: dict[str, Any], own_folder: Path
) -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    if request.param == "sqlite":
        for left in own_folder.glob("rollcall.db*"):
            left.unlink()
        shutil.copy(Path(ground["folder"]) / "template.db", own_folder / "rollcall.db")
        yield f"sqlite:///{own_folder / 'rollcall.db'}"
        return
    database: PostgresDatabase = request.getfixturevalue("postgres_database")
    yield database.url
    database.empty()


def plain_environment(database_url: str, folder: Path) -> dict[str, str]:
    """The environment of tests that ask for nothing else."""
    return {
        "DATABASE_URL": database_url,
        "DATA_DIR": str(folder),
        "FLASK_SECRET_KEY": "a secret that stands in tests alone, 0123456789",
        "BCRYPT_LOG_ROUNDS": "4",
        "ANSWER_TIME": "0",
        "RATELIMIT_ENABLED": "false",
        "PUBLIC_URL": "http://localhost",
        "CONTACT": "Noor in room 4",
    }


@pytest.fixture
def environment(database_url: str, own_folder: Path) -> dict[str, str]:
    """The environment that the settings are read from; a test may add to it before `settings`."""
    return plain_environment(database_url, own_folder / "data")


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """The settings of this test."""
    return config.load(environment)


Surroundings = frozenset[tuple[str, str]]
"""An environment, to be compared with another one."""


class SharedApps(dict[Surroundings, Flask]):
    """Applications that are used again, by their environments, which differ in the database."""

    def clear(self) -> None:
        """Forget them, and what they left open."""
        for each in self.values():
            engine_of(each).dispose()
        super().clear()


@pytest.fixture(scope="session")
def shared_apps() -> Iterator[SharedApps]:
    """The applications of this test process that are used again."""
    made = SharedApps()
    yield made
    made.clear()


def engine_of(app: Flask) -> Engine:
    """The engine of an application."""
    engine: Engine = app.extensions["rollcall"].sessions.kw["bind"]
    return engine


@pytest.fixture(scope="session")
def bytecodes(ground: dict[str, Any]) -> FileSystemBytecodeCache:
    """The templates as Jinja compiled them: each is compiled once for the whole run."""
    folder = Path(ground["folder"]) / "templates"
    folder.mkdir(exist_ok=True)
    return FileSystemBytecodeCache(str(folder))


@pytest.fixture
def app(
    request: pytest.FixtureRequest,
    settings: Settings,
    environment: dict[str, str],
    own_folder: Path,
    shared_apps: SharedApps,
    bytecodes: FileSystemBytecodeCache,
) -> Iterator[Flask]:
    """The application on this test's database.

    Routes take longer to compile than most tests take, so that the tests of the plain environment
    share one application for each kind of database.
    """
    here = frozenset(environment.items())
    url = environment["DATABASE_URL"]
    is_plain = environment == plain_environment(url, own_folder / "data")
    is_emptied = is_plain and url.endswith(f"/{own_database()}")
    made = shared_apps.get(here)
    if made is None:
        if not is_plain:
            # What the extensions of all applications share is set anew by each of them.
            shared_apps.clear()
        made = create_app(settings)
        made.jinja_env.bytecode_cache = bytecodes
        if is_emptied:
            request.getfixturevalue("postgres_database").keep(engine_of(made))
        if is_plain:
            shared_apps[here] = made
    yield made
    engine = engine_of(made)
    if not is_emptied or engine.pool.checkedout():
        engine.dispose()
    made.extensions["rollcall.jobs"].huey.storage.close()


@pytest.fixture
def db(app: Flask) -> Iterator[Session]:
    """A database session beside the app's own."""
    with app.extensions["rollcall"].sessions() as session:
        yield session


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis of this test process."""
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(params=["database", "redis"])
def shelf(request: pytest.FixtureRequest, app: Flask) -> Iterator[str]:
    """Where the codes of this test wait; asked for before `db`, or by `usefixtures`."""
    if request.param == "database":
        yield "database"
        return
    server: Redis = request.getfixturevalue("redis_server")
    info = app.extensions["rollcall"].sessions.kw["info"]
    usual = info[shelves.ON]
    info[shelves.ON] = redis_shelf.at(server.url)
    yield "redis"
    info[shelves.ON] = usual
    with redis.Redis.from_url(server.url) as connection:
        connection.flushall()


class Visitor:
    """A browser: cookies, forms with their CSRF token, no script."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client()

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        """Open a page without following redirects."""
        return self.client.get(path, buffered=True, **kwargs)

    def token(self, path: str = "/login") -> str:
        """The CSRF token of the page at `path`, redirects followed."""
        found = re.search(r'name="csrf-token" content="([^"]+)"', self.follow(self.get(path)).text)
        assert found, f"no CSRF token at {path}"
        return found[1]

    def submit(self, path: str, to: str | None = None, **fields: Any) -> TestResponse:
        """Open `path`, then post `fields` to it (or to `to`) with its CSRF token."""
        data = {"csrf_token": self.token(path), **fields}
        kwargs: dict[str, Any] = {}
        if any(isinstance(value, tuple) for value in fields.values()):
            kwargs["content_type"] = "multipart/form-data"
        return self.client.post(to or path, data=data, **kwargs)

    def ask(self, program: str | None, text: str, **headers: str) -> TestResponse:
        """Ask a program as a script does, by JSON."""
        body = {"message": text} if program is None else {"message": text, "program": program}
        token = self.token("/program_select")
        return self.client.post("/chat", json=body, headers={"X-CSRFToken": token, **headers})

    def follow(self, response: TestResponse) -> TestResponse:
        """The page at the end of the redirects."""
        for _ in range(10):
            if response.status_code not in {301, 302, 303, 307, 308}:
                return response
            response = self.client.get(response.location)
        raise AssertionError("redirects without end")

    def sign_in(self, email: str, password: str = PASSWORD, **fields: Any) -> TestResponse:
        """Sign in by password."""
        return self.submit("/login", email=email, password=password, **fields)

    @staticmethod
    def page(response: TestResponse) -> BeautifulSoup:
        """The page as a tree."""
        return BeautifulSoup(response.text, "html.parser")


@pytest.fixture
def visitors(app: Flask) -> Callable[[], Visitor]:
    """Makes new visitors, each with cookies of its own."""
    return lambda: Visitor(app)


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """A visitor who was never here."""
    return Visitor(app)


class People:
    """Puts people, programs and a list into the database, as the product itself would have."""

    def __init__(self, app: Flask, db: Session) -> None:
        self.app = app
        self.db = db
        self.rounds = app.extensions["rollcall"].settings.BCRYPT_LOG_ROUNDS

    def listed(
        self, last_name: str, email: str, *ids: str, active: bool = True, follow: bool = True
    ) -> None:
        """Add lines of a person to the list in force, one for each LO Root ID."""
        import_id = self._import()
        status = "Active" if active else "Inactive"
        for number, lo_root_id in enumerate(ids or ("",), start=1):
            cells = ("P1", last_name, email, status, "A class", "2026-03-02", lo_root_id)
            self.db.add(
                RosterLine(
                    import_id=import_id,
                    line=number,
                    user_code="P1",
                    last_name=last_name,
                    surname_key=surname_key(last_name),
                    email=email,
                    address=canonical(email),
                    status=status,
                    active=active,
                    class_name="A class",
                    date="2026-03-02",
                    lo_root_id=lo_root_id,
                    mark=marks_of([SEPARATOR.join(cells).encode()])[0],
                )
            )
        self.db.flush()
        if follow:
            entitlements.follow_list(self.db, User.address == canonical(email))
        self.db.commit()

    def account(
        self,
        email: str,
        *,
        password: str | None = PASSWORD,
        ids: tuple[str, ...] | list[str] = (),
        last_name: str = "Lovelace",
        **columns: Any,
    ) -> User:
        """An account that no roster vouched for, holding `ids` by an admin's hand."""
        user = User(
            last_name=last_name,
            email=email,
            address=canonical(email),
            status=Status.ACTIVE.value,
            date_added=clock.now(),
        )
        for name, value in columns.items():
            setattr(user, name, value)
        if password is not None:
            user.set_password(password, rounds=self.rounds)
        self.db.add(user)
        self.db.flush()
        for lo_root_id in ids:
            self.db.add(
                Entitlement(
                    user_id=user.id,
                    lo_root_id=lo_root_id,
                    source=Source.ADMIN.value,
                    granted_at=clock.now(),
                )
            )
            self.db.add(UserLoRootId(user_id=user.id, lo_root_id=lo_root_id))
        self.db.commit()
        return user

    def signed_in(self, email: str, **kwargs: Any) -> Visitor:
        """An account as `account()` makes it, and its visitor, signed in."""
        self.account(email, **kwargs)
        visitor = Visitor(self.app)
        assert visitor.sign_in(email).status_code == 303
        return visitor

    def admin(self, email: str = "grace@agency.example") -> Visitor:
        """An owner's visitor, signed in."""
        user = self.account(email, last_name="Hopper")
        roles.make_owner(self.db, user.id, stamp=roles.owner_stamp(self.db))
        self.db.commit()
        visitor = Visitor(self.app)
        assert visitor.sign_in(email).status_code == 303
        return visitor

    def admin_link(self) -> str:
        """The path of a link that makes an owner."""
        keys = [self.app.extensions["rollcall"].settings.FLASK_SECRET_KEY]
        return "/setup/admin/" + first_admin.mint_link(self.db, keys=keys)

    def program(
        self,
        code: str = "BCC",
        *,
        ids: tuple[str, ...] | list[str] = (),
        quota: int = 3,
        content: str = "# Coaching\n\n## Open questions\n\nAn open question invites a story.",
        **columns: Any,
    ) -> Program:
        """A program; without `ids` it is open to all who are signed in."""
        program = Program(
            code=code,
            name=columns.pop("name", f"Program {code}"),
            content=content,
            quota=quota,
            intro_message=columns.pop("intro_message", "Welcome to {program}: {quota} a day."),
            category=columns.pop("category", "standard"),
            created_at=columns.pop("created_at", clock.now()),
            lo_root_ids=[ProgramLoRootId(lo_root_id=each) for each in ids],
            **columns,
        )
        self.db.add(program)
        self.db.commit()
        return program

    def _import(self) -> int:
        found = self.db.scalar(select(ListInForce.import_id))
        if found is not None:
            return found
        made = RosterImport(
            state="applied",
            file_name="list.csv",
            sha256="0" * 64,
            encoding="utf-8",
            delimiter=",",
            headed=False,
            created_at=clock.now(),
            applied_at=clock.now(),
        )
        self.db.add(made)
        self.db.flush()
        self.db.execute(update(ListInForce).values(import_id=made.id))
        return made.id


@pytest.fixture
def people(app: Flask, db: Session) -> People:
    """Who and what a test needs to be there."""
    return People(app, db)


class Mails:
    """The mails that were written, as they would have left."""

    def __init__(self, app: Flask, db: Session) -> None:
        self.app = app
        self.db = db

    def deliver(self) -> int:
        """Deliver what is due; how many were tried."""
        parts = self.app.extensions["rollcall"]
        with self.app.app_context():
            return jobs.deliver_due(parts.sessions, parts.settings)

    def to(self, address: str) -> list[EmailMessage]:
        """The mails to `address`, oldest first."""
        self.deliver()
        self.db.rollback()
        sources = self.db.scalars(
            select(OutgoingMessage.source)
            .where(OutgoingMessage.recipient == address, OutgoingMessage.source.is_not(None))
            .order_by(OutgoingMessage.id)
        )
        return [message_from_bytes(source.encode(), policy=policy.default) for source in sources]

    def text(self, address: str) -> str:
        """The text of the newest mail to `address`."""
        part = self.to(address)[-1].get_body(("plain",))
        assert part is not None
        return part.get_content().replace("\r\n", "\n")

    def code(self, address: str) -> str:
        """The six digits of the newest mail to `address`."""
        found = re.search(r"^(\d{6})$", self.text(address), re.MULTILINE)
        assert found, "no code in the mail"
        return found[1]

    def link(self, address: str) -> str:
        """The path of the first link with a token in the newest mail to `address`."""
        found = re.search(r"^http://localhost(/\S+/\S{40,})$", self.text(address), re.MULTILINE)
        assert found, "no link in the mail"
        return found[1]

    def count(self) -> int:
        """How many messages were written, held ones too."""
        self.db.rollback()
        return self.db.scalar(select(func.count()).select_from(OutgoingMessage)) or 0


@pytest.fixture
def mails(app: Flask, db: Session) -> Mails:
    """The mails of this test."""
    return Mails(app, db)


@pytest.fixture
def work(app: Flask) -> Callable[[], int]:
    """Does the jobs that wait, as the worker does; how many were taken up."""
    parts = app.extensions["rollcall"]

    def work_off() -> int:
        with app.app_context():
            return jobs.work_off(parts.sessions, parts.settings)

    return work_off

"""The tables of the legacy application in every shape in which they are found.

Each shape is written as its SQL says it; only the four words that the engines spell differently
are exchanged. The facts are those of the legacy reference, sections 1.1 to 1.4.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

SPELLED = {
    "sqlite": {"SERIAL": "INTEGER", "MOMENT": "DATETIME", "TRULY": "1", "NOW": "CURRENT_TIMESTAMP"},
    "postgresql": {
        "SERIAL": "SERIAL",
        "MOMENT": "TIMESTAMP WITHOUT TIME ZONE",
        "TRULY": "TRUE",
        "NOW": "CURRENT_TIMESTAMP",
    },
}
"""What the engines call an id that counts by itself, a naive moment, true, and now."""


@dataclass
class Table:
    """Columns by name, the lines after them, and the statements that follow."""

    columns: dict[str, str]
    constraints: list[str] = field(default_factory=lambda: ["PRIMARY KEY (id)"])
    indexes: list[str] = field(default_factory=list)

    def statements(self, name: str, dialect: str) -> list[str]:
        """The SQL that makes this table on `dialect`."""
        lines = [f'"{column}" {kind}' for column, kind in self.columns.items()] + self.constraints
        sql = [f'CREATE TABLE "{name}" (\n  ' + ",\n  ".join(lines) + "\n)", *self.indexes]
        for word, spelling in SPELLED[dialect].items():
            sql = [each.replace(word, spelling) for each in sql]
        return sql


@dataclass
class Shape:
    """A whole database: its tables, its stamp, and what is odd about it."""

    tables: dict[str, Table]
    stamp: str | None = None
    restored: bool = False
    """Whether it came out of a dump that left PostgreSQL's sequences behind."""


def first_tables() -> Shape:
    """What `create_all` made just before the retrofit: no default stands in the database."""
    return Shape(deepcopy(FIRST))


FIRST = {
    "users": Table(
        {
            "id": "SERIAL NOT NULL",
            "last_name": "VARCHAR NOT NULL",
            "email": "VARCHAR NOT NULL",
            "visit_count": "INTEGER",
            "status": "VARCHAR NOT NULL",
            "date_added": "MOMENT",
            "expiry_date": "MOMENT",
        },
        indexes=[
            "CREATE UNIQUE INDEX ix_users_email ON users (email)",
            "CREATE INDEX ix_users_id ON users (id)",
        ],
    ),
    "chatbot_contents": Table(
        {
            "id": "SERIAL NOT NULL",
            "code": "VARCHAR(50) NOT NULL",
            "name": "VARCHAR(100) NOT NULL",
            "description": "TEXT",
            "content": "TEXT NOT NULL",
            "is_active": "BOOLEAN",
            "char_limit": "INTEGER",
            "created_at": "MOMENT",
            "updated_at": "MOMENT",
            "quota": "INTEGER NOT NULL",
            "intro_message": "TEXT NOT NULL",
            "category": "VARCHAR(50) NOT NULL",
            "system_prompt_role": "TEXT",
            "system_prompt_guidelines": "TEXT",
        },
        ["PRIMARY KEY (id)", "UNIQUE (code)"],
    ),
    "user_lo_root_ids": Table(
        {"user_id": "INTEGER NOT NULL", "lo_root_id": "VARCHAR NOT NULL"},
        ["PRIMARY KEY (user_id, lo_root_id)", "FOREIGN KEY(user_id) REFERENCES users (id)"],
    ),
    "chatbot_lo_root_association": Table(
        {"chatbot_id": "INTEGER NOT NULL", "lo_root_id": "VARCHAR NOT NULL"},
        [
            "PRIMARY KEY (chatbot_id, lo_root_id)",
            "FOREIGN KEY(chatbot_id) REFERENCES chatbot_contents (id)",
        ],
    ),
    "chat_history": Table(
        {
            "id": "SERIAL NOT NULL",
            "user_id": "INTEGER NOT NULL",
            "program_code": "VARCHAR NOT NULL",
            "user_message": "TEXT NOT NULL",
            "bot_message": "TEXT NOT NULL",
            "timestamp": "MOMENT",
            "is_visible": "BOOLEAN NOT NULL",
        },
        indexes=[
            "CREATE INDEX ix_chat_history_id ON chat_history (id)",
            "CREATE INDEX ix_chat_history_user_id ON chat_history (user_id)",
            "CREATE INDEX ix_chat_history_program_code ON chat_history (program_code)",
            "CREATE INDEX ix_chat_history_timestamp ON chat_history (timestamp)",
        ],
    ),
}


def stamped(revision: str) -> Shape:
    """What the legacy chain of revisions had made when it stood at `revision`."""
    shape = first_tables()
    shape.stamp = revision
    users = shape.tables["users"]
    if revision == "b70190e2b3b8":
        for name in ("status", "date_added", "expiry_date"):
            del users.columns[name]
        users.columns["current_program"] = "VARCHAR DEFAULT 'BCC'"
        del shape.tables["user_lo_root_ids"], shape.tables["chatbot_lo_root_association"]
        return shape
    users.columns["status"] = "VARCHAR DEFAULT 'Inactive' NOT NULL"
    users.columns["date_added"] = "MOMENT DEFAULT NOW NOT NULL"
    if revision in {"a7baf7b52083", "c1a4f9d72e10"}:
        users.columns["password_hash"] = "VARCHAR(255)"
    if revision == "c1a4f9d72e10":
        shape.tables["chatbot_contents"].columns |= CHATBOT_MODES
    return shape


def without_new_tables() -> Shape:
    """Stamped before the LO tables came, which importing the models made all the same."""
    shape = first_tables()
    shape.stamp = "b70190e2b3b8"
    shape.tables["users"].columns["current_program"] = "VARCHAR DEFAULT 'BCC' NOT NULL"
    return shape


def password_by_hand(stamp: str | None) -> Shape:
    """A password_hash that no revision added; `status` is as the hand-written SQL made it."""
    shape = first_tables()
    shape.stamp = stamp
    columns = shape.tables["users"].columns
    columns["status"] = "VARCHAR(255) DEFAULT 'Inactive' NOT NULL"
    columns["date_added"] = "MOMENT DEFAULT NOW NOT NULL"
    columns["password_hash"] = "VARCHAR(255)"
    return shape


def current_program(kind: str) -> Shape:
    """A left-over column of the first sign-in, restored from a dump."""
    shape = first_tables()
    shape.tables["users"].columns |= {"current_program": kind, "password_hash": "VARCHAR(255)"}
    shape.restored = True
    return shape


def left_overs() -> Shape:
    """Every column and table that was given up and never dropped."""
    shape = first_tables()
    shape.tables["users"].columns |= {
        "User_Status": "VARCHAR NOT NULL",
        "lo_root_id": "VARCHAR NOT NULL",
        "is_active": "BOOLEAN NOT NULL",
        "Registration_Date": "MOMENT NOT NULL",
        "Expiration_Date": "MOMENT",
        "is_admin": "BOOLEAN NOT NULL",
        "password_hash": "VARCHAR(255)",
    }
    shape.tables["chatbot_contents"].columns["lo_root_ids"] = "TEXT NOT NULL"
    shape.tables["chat_history"].columns["session_id"] = "VARCHAR NOT NULL"
    shape.tables["user_lo_root_ids"].columns["granted_by"] = "VARCHAR NOT NULL"
    shape.tables["lo_mappings"] = Table(
        {"id": "SERIAL NOT NULL", "lo_root_id": "VARCHAR NOT NULL", "program_code": "VARCHAR"}
    )
    shape.tables["chatbot_lo_root_ids"] = Table(
        {"chatbot_id": "INTEGER NOT NULL", "lo_root_id": "VARCHAR NOT NULL"},
        [
            "PRIMARY KEY (chatbot_id, lo_root_id)",
            "FOREIGN KEY(chatbot_id) REFERENCES chatbot_contents (id)",
        ],
    )
    return shape


def first_file(dialect: str) -> Shape:
    """The very first SQLite file; on PostgreSQL what a plain copy of it becomes."""
    autoincrement = dialect == "sqlite"
    key = "INTEGER PRIMARY KEY AUTOINCREMENT" if autoincrement else "SERIAL PRIMARY KEY"
    columns = {"id": key, "last_name": "TEXT NOT NULL", "email": "TEXT NOT NULL UNIQUE"}
    return Shape({"users": Table(columns, [])})


def message_and_sender(*, visible: bool) -> Shape:
    """The old shape of chats: two rows for each exchange."""
    shape = first_tables()
    chats = shape.tables["chat_history"]
    chats.columns = {
        "id": "SERIAL NOT NULL",
        "user_id": "INTEGER NOT NULL",
        "program_code": "VARCHAR NOT NULL",
        "message": "TEXT NOT NULL",
        "sender": "VARCHAR NOT NULL",
        "timestamp": "MOMENT",
    }
    if visible:
        chats.columns["is_visible"] = "BOOLEAN DEFAULT TRULY"
    else:
        chats.indexes = chats.indexes[:1]
    return shape


def email_by_script() -> Shape:
    """The columns that the legacy `add_password_columns.py` added to a table without them."""
    shape = first_tables()
    users = shape.tables["users"]
    users.columns |= {
        "email": "VARCHAR(255)",
        "visit_count": "INTEGER DEFAULT 0",
        "password_hash": "VARCHAR(255)",
    }
    users.constraints = ["PRIMARY KEY (id)", "UNIQUE (email)"]
    users.indexes = users.indexes[1:]
    return shape


PROGRAM_EXTRAS = ["quota", "char_limit", "intro_message", "category"]
PROMPTS = ["system_prompt_role", "system_prompt_guidelines"]


def without(*missing: str) -> Shape:
    """Columns that came from scripts which were not run here."""
    shape = first_tables()
    for name in missing:
        table = "chat_history" if name == "is_visible" else "chatbot_contents"
        del shape.tables[table].columns[name]
    return shape


def intro_with_nulls() -> Shape:
    """An intro_message from before it had to be there; two columns as their scripts made them."""
    shape = first_tables()
    shape.tables["chatbot_contents"].columns |= {
        "intro_message": "TEXT",
        "char_limit": "INTEGER DEFAULT 50000",
        "category": "VARCHAR(50) DEFAULT 'standard'",
        "quota": "INTEGER",
    }
    shape.tables["chat_history"].columns["is_visible"] = "BOOLEAN DEFAULT TRULY"
    return shape


CHATBOT_MODES = {
    "chatbot_mode": "VARCHAR(50) DEFAULT 'knowledge_retrieval' NOT NULL",
    "ai_model": "VARCHAR(100) DEFAULT 'a-model-of-its-day' NOT NULL",
}
LATER_PROGRAMS = CHATBOT_MODES | {
    "auto_delete_days": "INTEGER",
    "guardrail_rules_json": "TEXT",
    "disclaimer_text": "TEXT",
    "suggested_questions_json": "TEXT",
    "disclaimer_required": "BOOLEAN NOT NULL",
    "disclaimer_version": "INTEGER NOT NULL",
    "suggested_questions_count": "INTEGER NOT NULL",
}
LATER_CHATS = {
    "deletion_notified_at": "MOMENT",
    "guardrail_tier": "VARCHAR(32)",
    "guardrail_rule_name": "VARCHAR(255)",
    "roleplay_session_id": "VARCHAR(64)",
    "roleplay_state": "VARCHAR(16)",
}
LATER_TABLES = {
    "authorized_users": Table(
        {
            "id": "SERIAL NOT NULL",
            "user_code": "VARCHAR",
            "last_name": "VARCHAR NOT NULL",
            "email": "VARCHAR NOT NULL",
            "status": "VARCHAR NOT NULL",
            "class_name": "VARCHAR",
            "date": "VARCHAR",
            "lo_root_ids": "TEXT",
            "created_at": "MOMENT",
            "updated_at": "MOMENT",
        },
        indexes=["CREATE INDEX ix_authorized_users_email ON authorized_users (email)"],
    ),
    "disclaimer_acceptances": Table(
        {
            "id": "SERIAL NOT NULL",
            "user_id": "INTEGER",
            "user_email": "VARCHAR",
            "user_last_name": "VARCHAR",
            "chatbot_code": "VARCHAR(50)",
            "program_name": "VARCHAR(100)",
            "accepted_version": "INTEGER NOT NULL",
            "disclaimer_text_snapshot": "TEXT NOT NULL",
            "accepted_at": "MOMENT",
        },
        ["PRIMARY KEY (id)", "FOREIGN KEY(user_id) REFERENCES users (id)"],
    ),
}


def later_stage(*parts: str, stamp: str | None = None) -> Shape:
    """`programs`, `chats`, `authorized_users`, `disclaimer_acceptances`: any of the last stage."""
    shape = first_tables()
    shape.stamp = stamp
    shape.tables["users"].columns["password_hash"] = "VARCHAR(255)"
    if "programs" in parts:
        shape.tables["chatbot_contents"].columns |= LATER_PROGRAMS
    if "chats" in parts:
        chats = shape.tables["chat_history"]
        chats.columns |= LATER_CHATS
        index = "CREATE INDEX ix_chat_history_roleplay_session_id"
        chats.indexes.append(f"{index} ON chat_history (roleplay_session_id)")
    for name in LATER_TABLES.keys() & set(parts):
        shape.tables[name] = deepcopy(LATER_TABLES[name])
    return shape

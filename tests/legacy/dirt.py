"""The rows of a legacy database: invented people, programs and chats, with all that goes wrong.

The marks T1 to T14 are those of the legacy reference, section 1.5. A row names every column that
any shape has; what a shape has no column for is left out when it is written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]

TODAY = datetime.now(UTC).replace(tzinfo=None, hour=9, minute=30, second=0, microsecond=0)
MIGRATED_AT = datetime.fromisoformat("2025-05-20 10:00:00")
"""The moment that a legacy revision wrote into `date_added` of everybody who was there (T5)."""

GONE = 40
"""The id of somebody who was deleted and whose chats stayed (T10)."""

PASSWORDS = {
    "Ada.Lovelace@learn.example": "three green kettles",
    "grace@agency.example": "four slow ferries",
    "margaret@learn.example": "five amber lanterns",
    "katherine@learn.example": "six quiet orchards",
}
"""The passwords behind the hashes that can be read, by the email as it is stored."""

PBKDF2 = (
    "pbkdf2:sha256:260000$dXHntIXgeohGd72X$"
    "8a4665c75b0042b419a7cf4a3fb0a7b59b7682f64a640981c2cef36eb9ce6e3a"
)
PBKDF2_MILLION = (
    "pbkdf2:sha256:1000000$DtOQzlGj3Z42wVwl$"
    "4f87e5958011cd8809dbedef0fed771c8da807a684c150db194521b850c51b3e"
)
SCRYPT = (
    "scrypt:32768:8:1$JX8oEANChJMhFxea$"
    "1df8cd8629ccbebe6a382e67687a71e7e1afe94460469f955cbf5400f58ef52f"
    "de8cb8e6719837fe2d834c0790c1597ac9141ec25ed2e1f18c85bd6a032c1a60"
)
BCRYPT = "$2b$10$XpfJD2Qy9jtLS7QUASnqQOjFpacgAChY93Hl8RbVaA2SG5vbIBEjK"


def person(number: int, last_name: str, email: str | None, **columns: Any) -> Row:
    """A row of `users` with everything that any shape wants."""
    return {
        "id": number,
        "last_name": last_name,
        "email": email,
        "visit_count": 0,
        "status": "Active",
        "date_added": TODAY - timedelta(days=300),
        "expiry_date": TODAY + timedelta(days=430),
        "password_hash": None,
        "current_program": "BCC",
        "User_Status": "Active",
        "lo_root_id": "A1",
        "is_active": True,
        "Registration_Date": MIGRATED_AT,
        "Expiration_Date": None,
        "is_admin": False,
        **columns,
    }


def people() -> list[Row]:
    """Everybody; where a shape wants an email, only those who have one."""
    left_open = {"expiry_date": None, "visit_count": None, "date_added": MIGRATED_AT}
    midnight = datetime.fromisoformat("2026-05-01 00:00:00")
    return [
        person(1, "Lovelace", "Ada.Lovelace@learn.example", visit_count=12, password_hash=PBKDF2),
        person(2, "Hopper", "grace@agency.example", status="active", password_hash=PBKDF2_MILLION),
        # T2, T3, T5: in daily use and never activated.
        person(
            3,
            "Hamilton",
            "margaret@learn.example",
            status="Inactive",
            password_hash=SCRYPT,
            **left_open,
        ),
        # T4: expired and in daily use.
        person(
            4,
            "Johnson",
            "katherine@learn.example",
            visit_count=41,
            expiry_date=TODAY.replace(hour=0, minute=0) - timedelta(days=90),
            password_hash=BCRYPT,
        ),
        # T6: one address in three spellings, three accounts.
        person(5, "Smith", "Ann@x.example", visit_count=3),
        person(6, "Smith", "ann@x.example", status="inactive", is_admin=True, **left_open),
        person(7, "Smith ", " ann@x.example ", visit_count=1),
        person(8, "Nowhere", "no address at all", password_hash=""),
        person(9, "Unread", "unread@learn.example", password_hash="md5$salt$0123456789abcdef"),
        # T14: what a spreadsheet or a browser would run.
        person(10, '=HYPERLINK("http://x.example")', "formula@learn.example"),
        person(11, "<b>O'Brien</b>", "brien@learn.example", date_added=TODAY),
        person(12, "Zoë", "zoë@bücher.example", status=" ACTIVE ", expiry_date=midnight),
        # T1: a status that nobody can read; and one more who was never activated.
        person(13, "Pending", "pending@learn.example", status="pending"),
        person(14, "Vaughan", "dorothy@learn.example", status="Inactive", **left_open),
        person(15, "Jackson", "mary@learn.example", status="active", date_added=MIGRATED_AT),
        person(16, "Without", None, status="Inactive"),
        person(17, "Without", None, status="Inactive"),
    ]


def programs() -> list[Row]:
    """Programs in each state, with T12 to T14 in them."""
    markup = "<style>body { color: red }</style><nav>Home | Contact</nav>"
    return [
        _program(1, "BCC", "Better Conversations"),
        _program(2, "MI", "Motivational Interviewing", quota=10, is_active=None, char_limit=None),
        _program(3, "SAFETY", "Safety and Risk", system_prompt_guidelines=markup, category=""),
        _program(4, "PORTAL", "Internal portal", intro_message=None, lo_root_ids="INTERNAL_PORTAL"),
        _program(5, "OPEN", "<i>Open</i> to all", category=None, quota=None),
        _program(6, "GONE", "Hidden", is_active=False, disclaimer_text=None),
    ]


def _program(number: int, code: str, name: str, **columns: Any) -> Row:
    return {
        "id": number,
        "code": code,
        "name": name,
        "description": None,
        "content": f"# {name}\n\n## Open questions\n\nAn open question invites a story.",
        "is_active": True,
        "char_limit": 50000,
        "created_at": MIGRATED_AT,
        "updated_at": None,
        "quota": 3,
        "intro_message": "Hello. This is {program}; ask {quota} times a day.",
        "category": "standard",
        "system_prompt_role": None,
        "system_prompt_guidelines": None,
        "lo_root_ids": "A1;A2",
        "disclaimer_text": "Answers can be wrong.",
        "disclaimer_required": True,
        "disclaimer_version": 2,
        "suggested_questions_count": 3,
        **columns,
    }


def program_ids() -> list[Row]:
    """What opens the programs; T13: tags beside class ids."""
    pairs = [
        (1, "A1"),
        (1, "5b0c9a8e-6f0d-4f4e-9a51-0a2d3c4b5e6f"),
        (2, "A2"),
        (3, "00123"),
        (4, "INTERNAL_PORTAL"),
        (4, "EVALUATION"),
        (6, "A1;B1"),
    ]
    return [{"chatbot_id": program, "lo_root_id": each} for program, each in pairs]


def held_ids() -> list[Row]:
    """What people hold; T7: dirty ids, and T10 where no foreign key forbids it: of nobody."""
    pairs = [
        (1, "5b0c9a8e-6f0d-4f4e-9a51-0a2d3c4b5e6f"),
        (1, "A1"),
        (2, "A1;A2"),
        (2, "INTERNAL_PORTAL"),
        (3, "A1,A2"),
        (3, "nan"),
        (4, "123.0"),
        (4, "123"),
        (4, " A1 "),
        (5, "A1"),
        (6, "B1"),
        (15, "00123"),
        (GONE + 1, "A1"),
    ]
    return [
        {"user_id": owner, "lo_root_id": each, "granted_by": "an admin"} for owner, each in pairs
    ]


def exchanges() -> list[Row]:
    """What was said: T9 spellings, T10 of nobody and older than its owner, T12 without a date."""
    rows = [
        (1, "BCC", "What is an open question?", TODAY - timedelta(days=200)),
        (1, "BCC", "And a closed one?", TODAY - timedelta(days=2)),
        (1, "Safety", "What is a risk?", TODAY - timedelta(days=190)),
        (1, "SAFETY", "What is a hazard?", TODAY - timedelta(days=30)),
        (1, "S&R", "What do I report?", TODAY - timedelta(days=3)),
        (1, "safety", "Whom do I call?", TODAY - timedelta(days=1)),
        (3, "MI", "=1+1", TODAY - timedelta(days=5)),
        (3, "MI", "<script>alert(1)</script>", None),
        (4, "BCC", "I am here every day.", TODAY - timedelta(days=1)),
        (5, "BCC", "This is Ann with a capital.", TODAY - timedelta(days=9)),
        (6, "BCC", "This is ann without one.", TODAY - timedelta(days=8)),
        (11, "BCC", "I was here before I was added.", TODAY - timedelta(days=500)),
        (14, "BCC", "Long ago.", TODAY - timedelta(days=700)),
        (15, "OLDIE", "A program that nobody knows.", TODAY - timedelta(days=60)),
        (GONE, "BCC", "I was deleted.", TODAY - timedelta(days=80)),
    ]
    return [
        {
            "id": number,
            "user_id": owner,
            "program_code": code,
            "user_message": words,
            "bot_message": f"**An answer** to: {words}",
            "timestamp": when,
            # Those who cleared the conversation, and one row from before it could be cleared.
            "is_visible": None if number == 9 else number not in {2, 5},
            "session_id": "",
        }
        for number, (owner, code, words, when) in enumerate(rows, start=1)
    ]


def old_messages() -> list[Row]:
    """The same exchanges, a row for the question and one for the answer, and unpaired ones."""
    rows: list[Row] = []
    for each in exchanges():
        sides = [("user", each["user_message"]), ("bot", each["bot_message"])]
        rows += [{**each, "sender": sender, "message": words} for sender, words in sides]
    fifth = exchanges()[4]
    rows[2]["is_visible"] = True  # Of a cleared exchange the answer alone is hidden.
    for sender, words in UNPAIRED:
        rows.append({**fifth, "program_code": "MI", "sender": sender, "message": words})
    return [{**each, "id": number} for number, each in enumerate(rows, start=1)]


UNPAIRED = [
    ("bot", "An answer to nothing."),
    ("user", "Nobody answered this."),
    ("user", "Somebody answered this."),
    ("bot", "This is the answer."),
    ("user", "The model failed here."),
]
"""What stands alone in the old shape: three of these five rows, in this order, of one person."""


def authorized() -> list[Row]:
    """The list of the last stage; several rows of one email, ids joined by `;`."""
    rows = [
        ("P1", "Lovelace", "ada.lovelace@learn.example", "Active", "A1;A2"),
        ("P1", "Lovelace", "ada.lovelace@learn.example", "active", "A2"),
        ("P2", "Hopper", "grace@agency.example", "Active", "A1"),
        ("P3", "Hamilton", "margaret@learn.example", "Inactive", "A2"),
        (None, "Newcomer", "new@learn.example", "Active", None),
    ]
    return [
        {
            "id": number,
            "user_code": code,
            "last_name": name,
            "email": email,
            "status": status,
            "class_name": "Spring",
            "date": "2025-03-01",
            "lo_root_ids": ids,
            "created_at": MIGRATED_AT,
            "updated_at": None,
        }
        for number, (code, name, email, status, ids) in enumerate(rows, start=1)
    ]


def acceptances() -> list[Row]:
    """Disclaimers that were accepted, the last one by somebody who is gone."""
    rows = [(1, "Ada.Lovelace@learn.example", 2), (3, None, 1), (GONE + 2, "gone@x.example", 1)]
    return [
        {
            "id": number,
            "user_id": owner,
            "user_email": email,
            "user_last_name": "Somebody",
            "chatbot_code": "BCC",
            "program_name": "Better Conversations",
            "accepted_version": version,
            "disclaimer_text_snapshot": "Answers can be wrong.",
            "accepted_at": MIGRATED_AT,
        }
        for number, (owner, email, version) in enumerate(rows, start=1)
    ]


def mappings() -> list[Row]:
    """A table that was given up."""
    return [{"id": 1, "lo_root_id": "A1", "program_code": "BCC"}]

"""A custom GPT as it calls us: its key in the header, its person's token in the body."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.audit import NOWHERE
from app.core.entry import keys
from app.core.entry.keys import KeyScope
from tests.conftest import Mails

ADA = "ada@learn.agency.example"
LINES = ["Learner: can we start?", "Coach: yes."]


class CustomGpt:
    """Makes a key of its own, signs people in, and sends what it is told."""

    def __init__(self, app: Flask, db: Session, mails: Mails, name: str = "Coach") -> None:
        self.client = app.test_client()
        self.mails = mails
        self.row, self.key = keys.create(db, name, [KeyScope.GPT], by=None, origin=NOWHERE)
        db.commit()

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Post a JSON body with the key."""
        return self.client.post(path, json=body, headers={"X-Api-Key": self.key} | headers)

    def code(self, email: str = ADA) -> str:
        """Ask for a code, and read it in the mailbox."""
        asked = self.post("/auth/send-link", {"email": email})
        assert asked.status_code == 200, asked.text
        return self.mails.code(email.lower())

    def sign_in(self, email: str = ADA) -> str:
        """The token of somebody who types their code."""
        code = self.code(email)
        proven = self.post("/auth/verify-email", {"email": email, "code": code})
        assert proven.status_code == 200, proven.text
        token: str = proven.json["token"]  # type: ignore[index]
        return token

    def save(self, token: str, summary: str = "Open questions.", **more: Any) -> TestResponse:
        """Save a conversation."""
        body = {"token": token, "summary": summary, "raw_text": LINES, **more}
        return self.post("/conversations", body)

    def list(self, token: str, **more: Any) -> Any:
        """The rows of a page."""
        answer = self.post("/conversations/list", {"token": token, **more})
        assert answer.status_code == 200, answer.text
        assert len(answer.text) < 90_000
        return answer.json

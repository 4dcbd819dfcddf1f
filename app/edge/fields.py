"""The fields that several forms ask for, each in the same words."""

from __future__ import annotations

from typing import Any

from flask import g
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField, StringField
from wtforms.validators import DataRequired, Length

NO_ADDRESS = _l("Enter an address like name@agency.example")
NO_NAME = _l("Enter your last name")


class DoorForm(FlaskForm):
    """A form at a door that answers at a fixed moment: what is malformed need not wait for it."""

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether everything is there, in its form; nothing is looked up for that."""
        valid = bool(super().validate(extra_validators))
        g.answer_at_once = not valid
        return valid


def last_name_field(words: Any = NO_NAME) -> Any:
    """A last name; `words` are said where it is missing."""
    checks = [DataRequired(words), Length(max=200, message=_l("Enter a name"))]
    return StringField(_l("Last name"), checks)


def email_field(id: str) -> Any:
    """An address; `id` differs from page to page, so that browsers keep them apart."""
    return EmailField(_l("Email"), [DataRequired(NO_ADDRESS)], id=id)


def code_field() -> Any:
    """The six digits of a mail."""
    return StringField(_l("Code"), [DataRequired(_l("Enter the code from the mail"))])


def remember_field() -> Any:
    """Whether this browser stays signed in."""
    return BooleanField(_l("Remember me"), id="remember")


def new_password_field() -> Any:
    """The password to be."""
    checks = [DataRequired(_l("Enter a password"))]
    return PasswordField(_l("New password"), checks, id="new-password")

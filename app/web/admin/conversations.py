"""Conversations: found by words, program, person and day, and read as they were said."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import StringField
from wtforms.validators import ValidationError

from app.core.errors import NotFound
from app.core.learning import programs as learning
from app.core.learning import transcripts
from app.core.learning.markdown import to_html
from app.core.learning.transcripts import Asked, Found, Row
from app.core.learning.wanted import Wanted
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, permitted, row_id
from app.models.conversations import Exchange
from app.models.people import User
from app.web.admin import bp

NO_DATE = _l("Enter a date like 2026-03-31")


class WhoseForm(FlaskForm):
    """Whose conversations and of when; sent by GET, so that the address can be shared."""

    class Meta:
        """Nothing is changed by looking, so that no token is asked for."""

        csrf = False

    person = StringField(_l("Person"))
    since = StringField(_l("From"))
    until = StringField(_l("To"))

    def validate_since(self, field: Any) -> None:
        """A day, or nothing."""
        read_day(field.data or "")

    def validate_until(self, field: Any) -> None:
        """A day that is not before the first one."""
        until = read_day(field.data or "")
        try:
            since = read_day(self.since.data or "")
        except ValidationError:
            return
        if since and until and until < since:
            raise ValidationError(_l("The last day must not be before the first one"))

    def arguments(self) -> dict[str, Any]:
        """What was typed as arguments of an address, without what is empty."""
        return {field.name: field.data for field in self if field.data}


class FinderForm(WhoseForm):
    """What is looked for besides: words, and in which program."""

    q = StringField(_l("Words"))
    program = StringField(_l("Program"))

    @property
    def asked(self) -> Asked:
        """What was typed, once it was found to be well-formed."""
        return Asked(
            words=self.q.data or "",
            program=(self.program.data or "")[:100],
            person=(self.person.data or "")[:254],
            since=read_day(self.since.data or ""),
            until=read_day(self.until.data or ""),
        )


def read_day(typed: str) -> date | None:
    """A day as YYYY-MM-DD; None for nothing. Raises `ValidationError`."""
    try:
        return date.fromisoformat(typed.strip()) if typed.strip() else None
    except ValueError:
        raise ValidationError(NO_DATE) from None


def may_write() -> bool:
    """Whether the admin who is signed in may change conversations too."""
    return Permission.CONVERSATIONS_WRITE.value in identity.permissions()


@bp.get("/conversations")
@permitted(Permission.CONVERSATIONS_READ)
def conversations() -> ResponseReturnValue:
    """List exchanges, newest first, that fit what is looked for."""
    form = FinderForm(request.args)
    before, found, sought = row_id("before"), Found([], None), Wanted()
    if form.validate():
        sought = transcripts.wanted(db, form.asked)
        found = transcripts.find(db, sought, before=before)
        _note_people(sought.people)
    arguments = form.arguments()
    further = url_for("admin.conversations", **arguments, before=found.further)
    page = render_template(
        "admin/conversations.html",
        form=form,
        programs=transcripts.choices(db),
        rows=found.rows,
        excerpts={row.exchange.id: _excerpts(row, sought.terms) for row in found.rows},
        stopped=found.stopped,
        arguments=arguments,
        before=before,
        may_write=may_write(),
        next_url=further if found.further else None,
    )
    return page, 422 if form.errors else 200


def _note_people(ids: frozenset[int] | None) -> None:
    for user_id in sorted(ids or ())[:10]:
        if user_id <= LAST_ID:
            _note(user_id, None)


def _note(user_id: int, code: str | None) -> None:
    admin = identity.user().id
    transcripts.note_reading(db, user_id, code, by=admin, origin=identity.origin())
    commit()


def _excerpts(row: Row, terms: tuple[str, ...] | None) -> tuple[Any, Any]:
    said = row.exchange
    return (
        transcripts.excerpt(said.user_message, terms),
        transcripts.excerpt(said.bot_message, terms),
    )


@bp.get("/conversations/<int:user_id>")
@permitted(Permission.CONVERSATIONS_READ)
def conversations_read(user_id: int) -> ResponseReturnValue:
    """What one person and a program, or all of them, said to each other."""
    if user_id > LAST_ID:
        raise NotFound
    code = request.args.get("program", "")[:100].strip()
    codes = transcripts.spellings(db, code) if code else None
    at, before, after = row_id("at"), row_id("before"), row_id("after")
    found, older, newer = transcripts.read(
        db, user_id, codes, before=at + 1 if at else before, after=after
    )
    if not found and not (older or newer):
        raise NotFound
    _note(user_id, code or None)
    place = {"user_id": user_id, "program": code or None}
    return render_template(
        "admin/conversations_read.html",
        user_id=user_id,
        person=db.get(User, user_id),
        program=learning.called(transcripts.choices(db), code) if code else None,
        code=code,
        exchanges=_with_days(found),
        names=_names(),
        at=at,
        older_url=_page_of(place, before=found[0].id) if older and found else None,
        newer_url=_page_of(place, after=found[-1].id) if newer and found else None,
        may_write=may_write(),
    )


def _page_of(place: dict[str, Any], **beside: Any) -> str:
    return url_for("admin.conversations_read", **place, **beside)


def _names() -> dict[str, str]:
    """The name of each program, under every spelling of its code."""
    found: dict[str, str] = {}
    for program in transcripts.choices(db):
        for spelt in learning.spellings_of(program):
            found.setdefault(spelt, program.name)
    return found


def _with_days(found: list[Exchange]) -> list[dict[str, Any]]:
    shown, last = [], None
    for exchange in found:
        day = exchange.timestamp.date() if exchange.timestamp else None
        shown.append(
            {
                "said": exchange,
                # The renderer cleans what it makes; nothing else of an answer reaches the page.
                "answer": Markup(to_html(exchange.bot_message)),  # noqa: S704
                "day": format_date(day) if day and day != last else None,
            }
        )
        last = day
    return shown

"""Whom an admin may not touch: themselves, who hands out roles, and the last owner."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.errors import N_, NotFound, Refusal
from app.core.people import granting, roles, users
from app.models.people import User


class Yourself(Refusal):
    """Somebody who would shut themselves out."""

    code = "yourself"
    status = 409
    words = N_("That would shut you out yourself. Ask another admin to do it.")


class AboveYou(Refusal):
    """Somebody who may do more, changed by who may not: a new address would be a way to that."""

    code = "above_you"
    status = 403
    words = N_("This person may do things here that you may not. Ask an owner to do it.")


def person(db: Session, user_id: int) -> User:
    """The person with this id, as they stand now. Raises `NotFound`."""
    user = db.get(User, user_id, populate_existing=True)
    if user is None:
        raise NotFound
    return user


def check(db: Session, user_id: int, *, by: int | None, shuts_out: bool = False) -> User:
    """The person, if `by` may change them; None is a maintainer at the console, who may.

    `shuts_out` is for what ends their being here. Raises `NotFound`, `Yourself`, `AboveYou` or
    `LastOwner`.
    """
    user = person(db, user_id)
    if not may_touch(db, user_id, by):
        raise AboveYou
    if shuts_out:
        if by == user_id:
            raise Yourself
        granting.keep_an_owner(db, without=user_id)
    return user


def may_touch(db: Session, user_id: int, by: int | None) -> bool:
    """Whether `by` may change this person: themselves, or who may do nothing that `by` may not.

    None is a maintainer at the console, who may change everybody.
    """
    if by is None or by == user_id:
        return True
    return roles.permissions_of(db, user_id) <= roles.permissions_of(db, by)


def may_lift(db: Session, address: str, by: int | None) -> bool:
    """Whether `by` may end the pause of a canonical address: it is of all whom it counts for."""
    return all(may_touch(db, each.id, by) for each in users.counted_as(db, address))

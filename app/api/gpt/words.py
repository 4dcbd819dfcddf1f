"""The words of the contract where it says no; everything else keeps the words that we have."""

from __future__ import annotations

from collections.abc import Mapping

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from app.core.errors import N_, Refusal

BROKEN = {
    "/auth/send-link": N_("Failed to send verification code"),
    "/auth/verify-email": N_("Verification failed"),
}
"""What a fault of ours is called, by path."""


class EmailMissing(Refusal):
    """A request for a code that names no address."""

    code = "email_missing"
    words = N_("Email is required")


class NoEmail(Refusal):
    """What was sent as an address is none."""

    code = "no_email"
    words = N_("Email is not an address")


class BothMissing(Refusal):
    """A code without an address, or the other way round."""

    code = "both_missing"
    words = N_("Email and code are required")


class BadCode(Refusal):
    """A code that is wrong, was used, or has run out: which one is told to nobody."""

    code = "bad_code"
    words = N_("Invalid or expired code")


class Unauthorized(Refusal):
    """A token that does not open what somebody saved."""

    code = "unauthorized"
    status = 401
    words = N_("Invalid token")


class TokenMissing(Unauthorized):
    """No token, neither in the body nor in the header."""

    words = N_("No token provided")


class NoUid(Unauthorized):
    """A token of ours without the claim that says whose it is."""

    words = N_("Invalid token format")


class UserGone(Unauthorized):
    """A token of somebody whose account is no more."""

    words = N_("User not found")


def voice(status: int, words: str, code: str, headers: Mapping[str, str]) -> ResponseReturnValue:
    """How the contract says "no": its own words, and nothing else."""
    if status == 500:
        words = BROKEN.get(request.path, "Internal Server Error")
    return jsonify(error=words), status, dict(headers)

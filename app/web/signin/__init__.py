"""Signing in and out: one module for each way."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("signin", __name__)

"""`flask rollcall jobs …`: what runs in the background, from the console."""

from __future__ import annotations

import json
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.ground import change, session
from app.core import backlog
from app.core.audit import NOWHERE
from app.core.desk import running
from app.models.records import Job, JobState

jobs = AppGroup("jobs", help="What runs in the background, and how far it is.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@jobs.command("list")
@click.option("--state", type=click.Choice([each.value for each in JobState]), help="Those alone.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@as_json_option
def list_jobs(state: str | None, limit: int, as_json: bool) -> None:
    """Show the newest jobs: their state, how far they are, and what went wrong."""
    with session() as db:
        found = backlog.latest(db, states=[JobState(state)] if state else [], limit=limit)
        people = running.whose(db, found)
    if as_json:
        rows = [_facts(job, people.get(job.created_by or 0)) for job in found]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for job in found:
        far = f"{job.done}/{job.total}" if job.total else str(job.done or "")
        line = f"{job.id:>8}  {job.state:<8}  {job.kind:<20}  {far:<16}  {job.error or ''}"
        click.echo(line.rstrip())
    if not found:
        click.echo("No job is there.", err=True)


@jobs.command("stop")
@click.argument("job_id", type=click.IntRange(1, 2**31 - 1))
@as_json_option
def stop(job_id: int, as_json: bool) -> None:
    """Ask job JOB_ID to end; what it has done stays."""
    _change(running.stop, job_id, "It ends as soon as it can.", as_json=as_json)


@jobs.command("retry")
@click.argument("job_id", type=click.IntRange(1, 2**31 - 1))
@as_json_option
def retry(job_id: int, as_json: bool) -> None:
    """Let job JOB_ID, which failed or was stopped, run once more."""
    _change(running.retry, job_id, "It waits to run again.", as_json=as_json)


def _change(act: Any, job_id: int, words: str, *, as_json: bool) -> None:
    with change(as_json=as_json) as db:
        act(db, job_id, by=None, origin=NOWHERE)
    if as_json:
        with session() as db:
            facts = _facts(backlog.get(db, job_id), None)
        click.echo(json.dumps(facts, ensure_ascii=False))
    click.echo(words, err=True)


def _facts(job: Job, person: str | None) -> dict[str, Any]:
    names = ["id", "kind", "state", "done", "total", "note", "error", "attempts"]
    moments = ["created_at", "started_at", "finished_at"]
    facts = {name: getattr(job, name) for name in names} | {"by": person}
    for name in moments:
        moment = getattr(job, name)
        facts[name] = moment.isoformat() if moment else None
    return facts

"""Scheduler jobs of an app: commands that it runs by itself, and how that went."""

from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.commands.run import command_line
from celadon.cli.connection.client import segment
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, date, say, show_json, table

_TRAILING = {"-a": True, "--app": True, "-r": True, "--remote": True, "--platform": True}
_TRAILING |= {"-f": True, "--frequency": True, "--at": True, "-s": True, "--size": True}
_FREQUENCY = "every-10-minutes, hourly or daily."
_AT = "The minute of an hourly job (:20), the time in UTC of a daily one (08:30)."
_SIZE = "The size of its dynos."


@command(app=True, json=True)
def list_jobs(invocation: Invocation) -> None:
    """List the jobs of an app's scheduler, when they run next and how their last run went."""
    found = invocation.client.all(f"{invocation.app_path}/scheduler-jobs")
    if invocation.json:
        show_json(found)
    elif found:
        titles = ("Job ID", "Command", "Size", "Frequency", "Next Run", "Last Run", "Result")
        table(titles, [_row(job) for job in found])
    else:
        say(f"{invocation.app} has no scheduler jobs")
        say("Use celadon scheduler:add to add one.")


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    last = job["last_run"]
    began = date(last["at"]) if last["at"] else "never"
    return (job["id"], job["command"], job["dyno_size"], _times(job), date(job["next_run_at"]), began, _result(last))


def _times(job: dict[str, Any]) -> str:
    return f"{job['frequency']} {job['at']}" if job["at"] else str(job["frequency"])


def _result(last: dict[str, Any]) -> str:
    """`failed, exit status 3`, `running as scheduler.1234`, `refused: cannot run …`."""
    if last["status"] == "failed" and last["exit_status"] is not None:
        return f"failed, exit status {last['exit_status']}"
    if last["status"] == "running":
        return f"running as {last['dyno']}"
    if last["status"] == "never":
        return ""
    return f"{last['status']}: {last['error']}" if last["error"] else str(last["status"])


@command(app=True, must="COMMAND to run", trailing=_TRAILING)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("-f", "--frequency", default="daily", show_default=True, metavar="FREQUENCY", help=_FREQUENCY)
@click.option("--at", metavar="TIME", help=_AT)
@click.option("-s", "--size", metavar="SIZE", help=_SIZE)
def add(invocation: Invocation, words: tuple[str, ...], frequency: str, at: str | None, size: str | None) -> None:
    """Run a command again and again in one-off dynos of the release that serves, such as `-f daily --at 08:30 rake report`."""
    body = {"command": command_line(words), "frequency": frequency, "at": at, "dyno_size": size}
    with action(f"Adding job to {invocation.app}") as running:
        job = invocation.client.post(f"{invocation.app_path}/scheduler-jobs", body)
        running.status = f"next run {date(job['next_run_at'])}"
    say(f"Job ID: {job['id']}")


@command(app=True, must="the ID of the job")
@click.argument("job")
@click.option("-c", "--command", "line", metavar="COMMAND", help="Another command to run.")
@click.option("-f", "--frequency", metavar="FREQUENCY", help=_FREQUENCY)
@click.option("--at", metavar="TIME", help=_AT)
@click.option("-s", "--size", metavar="SIZE", help=_SIZE)
def update(
    invocation: Invocation, job: str, line: str | None, frequency: str | None, at: str | None, size: str | None
) -> None:
    """Change a job; what is not given stays."""
    given = {"command": line, "frequency": frequency, "at": at, "dyno_size": size}
    body = {name: value for name, value in given.items() if value is not None}
    if not body:
        raise UsageFailure("Nothing to change: give --command, --frequency, --at or --size.")
    with action(f"Updating job {job} of {invocation.app}") as running:
        changed = invocation.client.patch(_path(invocation, job), body)
        running.status = f"next run {date(changed['next_run_at'])}"


@command(app=True, must="the ID of the job")
@click.argument("job")
def remove(invocation: Invocation, job: str) -> None:
    """Run a job no more; what runs goes on to its end."""
    with action(f"Removing job {job} from {invocation.app}"):
        invocation.client.delete(_path(invocation, job))


@command(app=True, must="the ID of the job")
@click.argument("job")
def run(invocation: Invocation, job: str) -> None:
    """Run a job now, beside its times."""
    with action(f"Running job {job} of {invocation.app}") as running:
        started = invocation.client.post(f"{_path(invocation, job)}/actions/run", {})
        running.word, running.status = "up", str(started["last_run"]["dyno"])
    say(f"Use `celadon logs -p {running.status} -a {invocation.app}` to view the output.")


def _path(invocation: Invocation, job: str) -> str:
    return f"{invocation.app_path}/scheduler-jobs/{segment(job)}"

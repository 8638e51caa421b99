"""What a database's server knows of it, as psql would show it: sessions, locks, statements, sizes, use of tables."""

from urllib.parse import urlencode

import click

from celadon.cli.command import Command, command
from celadon.cli.commands.databases import Database
from celadon.cli.commands.postgres import chosen
from celadon.cli.connection.client import segment
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal import psql_table
from celadon.cli.terminal.output import action, show_json

_truncate = click.option("-t", "--truncate", is_flag=True, help="Cut statements after 40 characters.")


def _shown(name: str, help_text: str) -> Command:
    """A command that takes nothing but a database."""

    @command(app=True, json=True)
    @click.argument("database", required=False)
    def show(invocation: Invocation, database: str | None) -> None:
        _show(invocation, database, name)

    show.help = help_text
    return show


bloat = _shown("bloat", "Show how much of tables and indexes is empty, by what the statistics let guess.")
blocking = _shown("blocking", "Show which statements wait for which others.")
cache_hit = _shown("cache-hit", "Show how much is read from memory, not from disk.")
index_size = _shown("index-size", "Show the sizes of indexes.")
index_usage = _shown("index-usage", "Show how often tables are read by an index.")
long_running_queries = _shown("long-running-queries", "Show what has run for more than five minutes.")
records_rank = _shown("records-rank", "Show how many rows tables have, about.")
seq_scans = _shown("seq-scans", "Show how often tables are read from end to end.")
table_indexes_size = _shown("table-indexes-size", "Show the sizes of each table's indexes.")
table_size = _shown("table-size", "Show the sizes of tables, without their indexes.")
total_index_size = _shown("total-index-size", "Show the size of all indexes together.")
total_table_size = _shown("total-table-size", "Show the sizes of tables with their indexes.")
unused_indexes = _shown("unused-indexes", "Show indexes that are hardly ever read.")
user_connections = _shown("user-connections", "Show how many connections of each user are at work.")
vacuum_stats = _shown("vacuum-stats", "Show dead rows, and when they were last removed.")


@command(app=True, json=True)
@click.argument("database", required=False)
@click.option("-v", "--verbose", is_flag=True, help="Also show connections that do nothing.")
def ps(invocation: Invocation, database: str | None, verbose: bool) -> None:
    """Show what is going on in a database."""
    _show(invocation, database, "ps", verbose=verbose)


@command(app=True, json=True)
@click.argument("database", required=False)
@_truncate
def locks(invocation: Invocation, database: str | None, truncate: bool) -> None:
    """Show who holds locks that keep others out."""
    _show(invocation, database, "locks", truncate=truncate)


@command(app=True, json=True)
@click.argument("database", required=False)
@_truncate
def calls(invocation: Invocation, database: str | None, truncate: bool) -> None:
    """Show the ten statements that are executed most often."""
    _show(invocation, database, "calls", truncate=truncate)


@command(app=True, json=True)
@click.argument("database", required=False)
@_truncate
@click.option("-n", "--num", default="10", metavar="NUMBER", help="How many to show, 10 unless said.")
@click.option("--reset", is_flag=True, help="Forget what was counted until now.")
def outliers(invocation: Invocation, database: str | None, truncate: bool, num: str, reset: bool) -> None:
    """Show the statements that have taken most of the time."""
    if reset:
        addon = chosen(invocation, database)
        with action(f"Resetting statistics of {addon.name}"):
            invocation.client.post(f"{_path(addon)}/statistics/actions/reset", {})
        return
    if not (num.isascii() and num.isdigit()):
        raise UsageFailure(f'Cannot parse num param value "{num}" to a number')
    _show(invocation, database, "outliers", truncate=truncate, num=num)


@command(app=True, must="which connection: pg:ps shows their numbers")
@click.argument("pid")
@click.argument("database", required=False)
@click.option("-f", "--force", is_flag=True, help="End the connection, not only what it does.")
def kill(invocation: Invocation, pid: str, database: str | None, force: bool) -> None:
    """Cancel what a connection of a database does."""
    addon = chosen(invocation, database)
    path = f"{_path(addon)}/connections/{segment(pid)}/actions/end"
    psql_table.show(invocation.client.post(path, {"force": force}))


def _show(invocation: Invocation, database: str | None, name: str, **options: bool | str) -> None:
    wanted = {key: "true" if value is True else value for key, value in options.items() if value}
    path = f"{_path(chosen(invocation, database))}/statistics/{name}"
    found = invocation.client.get(f"{path}?{urlencode(wanted)}" if wanted else path)
    if invocation.json:
        titles = [column["name"] for column in found["columns"]]
        show_json([dict(zip(titles, row, strict=True)) for row in found["rows"]])
    else:
        psql_table.show(found)


def _path(addon: Database) -> str:
    return f"/postgres/v0/databases/{segment(addon.id)}"

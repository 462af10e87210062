"""Arguments and options that the verbs of `rushlight sql` share."""

from typing import TYPE_CHECKING

import click

from rushlight import Error
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.sql.database import Database

AS_JSON = click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
FILES = click.argument("files", metavar="FILE...", nargs=-1, required=True)
FILE = click.argument("file", metavar="FILE")
WITH = click.option(
    "--with", "others", metavar="FILE", multiple=True, help=text("Open this file as well; its tables are NAME.table.")
)
SECONDS = click.option(
    "--seconds", type=click.FloatRange(0.01, 600), default=None, metavar="S", help=text("Time for the statement.")
)
SET = click.option(
    "--set", "values", metavar="NAME=VALUE", multiple=True, help=text("What a parameter is: --set year=2024")
)
REPLACE = click.option("--replace", is_flag=True, help=text("Replace a file of this name."))


def opened(files: tuple[str, ...]) -> "Database":
    """These files as a database, for reading."""
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.sql.database import open_database

    return open_database(files, find_paths())


def short_ids(ids: list[str]) -> dict[str, str]:
    """The shortest beginnings that tell them apart; what was kept at the same moment differs at its end only."""
    for length in range(6, 18):
        if len({one[:length] for one in ids}) == len(ids):
            return {one: one[:length] for one in ids}
    return {one: one for one in ids}


def given_values(written: tuple[str, ...]) -> dict[str, str]:
    """What --set says: parameter -> value."""
    values = {}
    for one in written:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise Error(
                text("--set takes NAME=VALUE, not {given!r}.", given=one[:80]),
                hint=text("Such as: --set year=2024"),
                kind="usage",
            )
        values[name.strip().lstrip(":")] = value
    return values

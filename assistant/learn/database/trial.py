"""Whether a query is worth learning: it runs, and finds something."""

from typing import Final

from rushlight import Error
from rushlight.assistant.sql.database import Database

_SECONDS: Final = 1.0
_MAX_ROWS: Final = 50


def trouble_of(database: Database, sql: str) -> str:
    """Why it is no example: it does not run, or finds only what is empty or zero; "" for one that finds something."""
    try:
        rows = database.run(sql, seconds=_SECONDS, max_rows=_MAX_ROWS).rows
    except Error as error:
        if not (error.kind or "").startswith("sql-"):
            raise
        return f"it does not run: {error}: {sql}"
    return "" if any(cell not in (None, 0, 0.0) for row in rows for cell in row) else f"it finds nothing: {sql}"

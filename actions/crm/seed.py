"""The command that fills an empty CRM database: ``python -m actions.crm.seed --help``."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import date

from actions.crm.database import DEFAULT_URL, Database
from actions.crm.planning import DEFAULT_ZONE
from actions.crm.population import SIZE
from actions.crm.port import CrmError
from actions.crm.seeding import ensure_seeded


def main(arguments: list[str] | None = None) -> int:
    """The command line. Exit status 0, or 1 when the database does not answer."""
    parser = argparse.ArgumentParser(
        prog="python -m actions.crm.seed",
        description="Fill an empty CRM database with fictional subscribers.",
    )
    parser.add_argument(
        "--url", default=os.environ.get("DECROCHE_CRM_URL", DEFAULT_URL), help="default: %(default)s"
    )
    parser.add_argument(
        "--today",
        type=date.fromisoformat,
        default=date.today(),
        help="day the data set stands on (YYYY-MM-DD)",
    )
    parser.add_argument("--timezone", default=DEFAULT_ZONE, help="of appointment slots; default: %(default)s")
    parser.add_argument("--reset", action="store_true", help="drop every table of the CRM first")
    options = parser.parse_args(arguments)
    # Seeding a remote server takes longer than a caller would wait.
    database = Database(options.url, timeout_s=30.0)
    try:
        added = ensure_seeded(database, options.today, zone=options.timezone, reset=options.reset)
    except CrmError as err:
        sys.stderr.write(f"{err.code}: {err} ({type(err.__cause__).__name__})\n")
        return 1
    finally:
        database.dispose()
    outcome = f"{SIZE} subscribers added as of {options.today}" if added else "already filled, nothing added"
    sys.stdout.write(f"{outcome}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

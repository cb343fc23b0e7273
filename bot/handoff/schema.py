"""Write the JSON Schema of the context packet: ``python -m bot.handoff.schema [PATH]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bot.handoff.packet import ContextPacket

DEFAULT_PATH = Path(__file__).resolve().parents[2] / "docs" / "schemas" / "context-packet.json"


def schema_text() -> str:
    """The schema (JSON Schema 2020-12) as it is published, with a final newline."""
    schema = ContextPacket.model_json_schema(mode="serialization")
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def main(argv: list[str] | None = None) -> None:
    """Write the schema to the path given, or to its place in ``docs/``."""
    arguments = sys.argv[1:] if argv is None else argv
    path = Path(arguments[0]) if arguments else DEFAULT_PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(schema_text(), encoding="utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()

"""Every bench, one after the other; what each prints is under ``bench/results/`` too. ``python -m bench [NAME…]``"""

from __future__ import annotations

import subprocess
import sys

from bot.settings import ROOT

BENCHES: dict[str, tuple[str, ...]] = {
    "latency": (sys.executable, "-m", "bench.latency"),
    "recognition": (sys.executable, "-m", "bench.recognition"),
    "digits": (sys.executable, "-m", "bench.digits"),
    "endpointing": (sys.executable, "-m", "bench.endpointing"),
    "yesno": (sys.executable, "-m", "bench.yesno"),
    "voice": (sys.executable, "-m", "bench.voice"),
    "telephone": (sys.executable, "-m", "bench.telephone"),
    "nlu": (str(ROOT / ".venv-rasa/bin/python"), "-m", "bench.nlu"),
}


def main() -> int:
    """Run those named, or all; 1 when one failed."""
    failed = []
    for name in sys.argv[1:] or BENCHES:
        print(f"\n=== {name}", flush=True)
        if subprocess.run(BENCHES[name], cwd=ROOT, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

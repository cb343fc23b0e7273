# The bot: pipeline, doors, record. Build from the repository's root. The speech models are fetched at build time,
# so that a container starts without the network.
FROM python:3.11-slim-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
WORKDIR /decroche
COPY requirements/uv.txt requirements/bot.txt requirements/models.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
    && uv venv .venv && uv pip sync --python .venv/bin/python --require-hashes requirements/bot.txt \
    && uv cache clean
COPY pyproject.toml README.md operator.yml ./
COPY bot bot
COPY media media
COPY simulator simulator
RUN uv pip install --python .venv/bin/python --no-deps --editable . && .venv/bin/python -m media.modelstore
# /asterisk: the configuration and the sounds of the Asterisk beside it, which runs as the same user (ops/asterisk.Dockerfile).
RUN useradd --system --uid 990 --create-home decroche && mkdir -p var /asterisk && chown decroche var /asterisk
USER decroche
ENV PATH=/decroche/.venv/bin:$PATH DECROCHE_HOST=0.0.0.0
CMD ["decroche", "serve"]

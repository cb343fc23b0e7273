# Asterisk with Debian's own packages; its configuration and sounds come in the volume /asterisk, made by the bot's image.
# forky is the first Debian that carries Asterisk 22, which has chan_websocket.
FROM debian:forky-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends asterisk && rm -rf /var/lib/apt/lists/*
# The same user number as in ops/bot.Dockerfile: the configuration is readable by its owner only.
RUN useradd --system --uid 990 --no-create-home decroche && mkdir -p /asterisk && chown decroche /asterisk
USER decroche
CMD ["asterisk", "-C", "/asterisk/etc/asterisk.conf", "-n", "-f"]

#!/usr/bin/env bash
# Make this checkout ready: uv, the two Python environments, the speech models, the trained dialogue.
# Nothing is done twice: each step leaves a stamp of its inputs. Downloads are cached outside the checkout.
#   ops/setup.sh          what running needs
#   ops/setup.sh --phone  also an Asterisk, for the telephone line
#   ops/setup.sh --test   also what the tests need (system packages: installed as root when CI=true, else named)
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/decroche
tests=false phone=false
[ "${1:-}" = --test ] && tests=true phone=true
[ "${1:-}" = --phone ] && phone=true
mkdir -p "$cache" var models/rasa

step() { printf '\033[1m▸ %s\033[0m\n' "$*"; }
fail() { printf '\033[31m✗ %s\033[0m\n' "$*" >&2; exit 1; }
stamp() { cat "$@" 2>/dev/null | sha256sum | cut -c1-16; }

# --- uv: the one on PATH, else a pinned and hashed one in the cache
if ! command -v uv >/dev/null; then
    if [ ! -x "$cache/uv/bin/uv" ]; then
        step "uv: installing a private copy"
        command -v python3 >/dev/null || fail "python3 is missing: apt-get install python3 python3-venv"
        python3 -m venv "$cache/uv" || fail "python3-venv is missing: apt-get install python3-venv"
        "$cache/uv/bin/pip" install -q --require-hashes -r requirements/uv.txt ||
            fail "uv could not be downloaded: is the Python package registry reachable?"
    fi
    export PATH="$cache/uv/bin:$PATH"
fi

# --- interpreters: what uv finds, then pyenv's (its shims hide versions from uv), then uv's own download
python() { # MAJOR.MINOR...
    local version found
    for version in "$@"; do
        found=$(uv python find --no-python-downloads "$version" 2>/dev/null) && { echo "$found"; return; }
        for found in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python; do
            [ -x "$found" ] && { echo "$found"; return; }
        done
    done
    uv python install "$1" >&2 && uv python find "$1" && return
    fail "Python $1 is missing and could not be downloaded. Install it (pyenv install $1, or your distribution's package), then run again."
}

environment() { # FOLDER LOCK VERSION...
    local folder=$1 lock=$2 mark
    shift 2
    mark=$(stamp "$lock" pyproject.toml)
    [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$mark" ] && return
    local interpreter
    interpreter=$(python "$@") || exit 1
    step "$folder: $("$interpreter" -V), $(grep -c '==' "$lock") locked packages"
    uv venv -q --allow-existing --python "$interpreter" "$folder"
    uv pip sync -q --python "$folder/bin/python" --require-hashes "$lock" ||
        fail "the packages of $lock could not be installed: is the Python package registry reachable?"
    if [ "$folder" = .venv ]; then
        uv pip install -q --python .venv/bin/python --no-deps --editable .
    fi
    echo "$mark" >"$folder/.stamp"
}
environment .venv requirements/bot.txt 3.11 3.12
environment .venv-rasa requirements/rasa.txt 3.10

# --- speech models
.venv/bin/python -m media.modelstore

# --- the dialogue, trained from config.yml and dialogues/
mark=$(find config.yml dialogues -type f -print0 | sort -z | xargs -0 cat | cat - requirements/rasa.txt | sha256sum | cut -c1-16)
model=models/rasa/$mark.tar.gz
if [ ! -f "$model" ]; then
    step "dialogue: training (about a minute)"
    if ! ops/rasa.sh train --config config.yml --domain dialogues/domain --data dialogues \
        --out models/rasa/new --fixed-model-name "$mark" --quiet >var/train.log 2>&1; then
        tail -n 40 var/train.log >&2
        fail "the dialogue could not be trained; the whole log is var/train.log"
    fi
    rm -f models/rasa/*.tar.gz
    mv "models/rasa/new/$mark.tar.gz" "$model"
    rm -rf models/rasa/new
fi

# --- the telephone: this machine's Asterisk, or one of our own
if $phone; then
    ops/asterisk.sh >/dev/null || exit 1
fi

# --- system packages for the tests
if $tests; then
    packages=()
    need() { command -v "$1" >/dev/null || packages+=("$2"); }
    need chromium chromium
    need sox sox
    need espeak-ng espeak-ng
    need sipp sip-tester
    need sipp sip-tester
    [ -x "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)" ] || packages+=(postgresql)
    if [ ${#packages[@]} -gt 0 ]; then
        if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ]; then
            step "system packages: ${packages[*]}"
            { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}"; } \
                >var/apt.log 2>&1 || { tail -n 20 var/apt.log >&2; fail "apt-get failed"; }
        else
            fail "the tests need: apt-get install ${packages[*]}"
        fi
    fi
    # More caller voices, in Debian's non-free component: welcome, not needed; without them every caller is Pico.
    callers=(mbrola mbrola-fr1 mbrola-fr2 mbrola-fr3 mbrola-fr4)
    if ! command -v mbrola >/dev/null; then
        sources=/etc/apt/sources.list.d/debian.sources
        if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && [ -f $sources ]; then
            step "caller voices: ${callers[*]}"
            sed 's/^Components:.*/Components: contrib non-free/' $sources >/etc/apt/sources.list.d/decroche-voices.sources
            { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${callers[@]}"; } \
                >var/apt-voices.log 2>&1 || echo "  not to be had (var/apt-voices.log); every simulated caller is Pico"
        else
            echo "  more caller voices: apt-get install ${callers[*]} (non-free); without them every caller is Pico"
        fi
    fi
fi

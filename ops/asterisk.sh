#!/usr/bin/env bash
# An Asterisk that Décroche can use: 22.8 or later, with chan_websocket.
#   ops/asterisk.sh [DEST]     DEST: where it is kept; default ~/.cache/decroche/asterisk
# Takes the one this machine has, when it is good enough. Otherwise fetches Debian's into DEST: nothing is installed
# on the machine and root is not needed. Writes DEST/paths (binary, modules, data, version) and prints it.
# Nothing is done twice. DEST/debs keeps what was downloaded, with its SHA-256 list: from then on no network is needed,
# and a package that has moved on in Debian does not change what runs here.
set -euo pipefail

minimum=22.8                                         # the first whose chan_websocket speaks JSON
suite=forky                                          # the first Debian that carries Asterisk 22
dest=$(realpath -m "${1:-${XDG_CACHE_HOME:-$HOME/.cache}/decroche/asterisk}")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# Of Asterisk's dependencies, those that the modules we load need; names end in a version that Debian raises at will.
packages='asterisk|asterisk-modules|libc6|libgcc-s1|libstdc\+\+6|libcap2|libcrypt1|libedit2|libbsd0|libmd0|libtinfo6
|libjansson4|libsqlite3-0|libsrtp2-1|libssl3(t64)?|libsystemd0|liburiparser1|libuuid1|libxml2-[0-9]+|libxslt1\.1|zlib1g
|libzstd1|libnss3|libnspr4'

step() { printf '\033[1m▸ %s\033[0m\n' "$*" >&2; }
fail() { printf '\033[31m✗ %s\033[0m\n' "$*" >&2; exit 1; }

good() { # BINARY: whether it starts and is recent enough
    local version
    version=$("$1" -V 2>/dev/null | sed -n 's/^Asterisk \([0-9][0-9.]*\).*/\1/p')
    [ -n "$version" ] && printf '%s\n' "$minimum" "$version" | sort -CV
}

write_paths() { # BINARY MODULES DATA
    mkdir -p "$dest"
    printf 'binary=%s\nmodules=%s\ndata=%s\nversion=%s\n' "$1" "$2" "$3" "$("$1" -V | cut -d' ' -f2)" >"$dest/paths.new"
    mv "$dest/paths.new" "$dest/paths"
    cat "$dest/paths"
}

# --- the one on this machine
system=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v asterisk || true)
if [ -n "$system" ] && good "$system"; then
    for found in /usr/lib/*/asterisk/modules /usr/lib/asterisk/modules /usr/lib64/asterisk/modules /usr/local/lib/asterisk/modules; do
        if [ -f "$found/chan_websocket.so" ]; then
            for data in /usr/share/asterisk /var/lib/asterisk; do
                [ -d "$data/documentation" ] && { write_paths "$system" "$found" "$data"; exit; }
            done
        fi
    done
fi

# --- ours, from an earlier run
exec 9>"$(mkdir -p "$dest" && echo "$dest/.lock")"
flock 9                                              # two set-ups at once: the second finds it done
launcher=$dest/asterisk
if [ -f "$dest/paths" ] && good "$launcher"; then
    cat "$dest/paths"
    exit
fi

for tool in apt-get dpkg-deb sha256sum; do
    command -v "$tool" >/dev/null ||
        fail "Asterisk $minimum or later is missing, and without $tool it cannot be fetched from Debian: install Asterisk with chan_websocket, then run again."
done

# --- packages: those in the cache if they are whole, else Debian's
debs=$dest/debs

cached() { [ -s "$debs/SHA256SUMS" ] && (cd "$debs" && sha256sum --quiet --strict -c SHA256SUMS) >/dev/null 2>&1; }

mirror() { # the Debian mirror that this machine's own apt uses
    local uri
    [ -n "${DECROCHE_DEBIAN_MIRROR:-}" ] && { echo "$DECROCHE_DEBIAN_MIRROR"; return; }
    uri=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | sed -n 's,/*$,,; /\/debian$/p' | head -n 1)
    [ -n "$uri" ] && echo "$uri"
}

fetch() {
    local apt=$dest/.apt source wanted
    source=$(mirror) || fail "no Debian mirror among this machine's apt sources: set DECROCHE_DEBIAN_MIRROR to the URL of one."
    [ -f "$keyring" ] || fail "$keyring is missing: apt-get install debian-archive-keyring"
    step "Asterisk: fetching from Debian $suite"
    rm -rf "$apt" "$debs.new"
    mkdir -p "$apt"/{lists/partial,archives/partial} "$debs.new"
    : >"$apt/status"                                 # as if nothing were installed: every dependency is named
    echo "deb [signed-by=$keyring] $source $suite main" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status";
Dir::Cache "$apt"; Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User ""; Acquire::Languages "none"; Acquire::Retries "3"; Acquire::http::Timeout "30"; Debug::NoLocking "1";
CONF
    APT_CONFIG=$apt/apt.conf apt-get -qq update >"$apt/log" 2>&1 && [ -n "$(ls "$apt"/lists/*Packages* 2>/dev/null)" ] || {
        tail -n 5 "$apt/log" >&2
        fail "Debian $suite could not be read from $source: is the mirror reachable? Or install Asterisk $minimum or later yourself."
    }
    wanted=$(APT_CONFIG=$apt/apt.conf apt-get -qq --print-uris --no-install-recommends install asterisk |
        awk '{ sub(/_.*/, "", $2); print $2 }' | grep -xE "$(tr -d '\n' <<<"$packages")")
    # apt checks the archive's signature and each file's hash against it.
    (cd "$debs.new" && APT_CONFIG=$apt/apt.conf apt-get -qq download $wanted) >"$apt/log" 2>&1 || {
        tail -n 5 "$apt/log" >&2
        fail "Asterisk's packages could not be downloaded from $source."
    }
    (cd "$debs.new" && sha256sum -- *.deb >SHA256SUMS)
    rm -rf "$debs" "$apt"
    mv "$debs.new" "$debs"
}

cached || fetch

# --- unpack, and a launcher that uses the packages' own libraries
step "Asterisk: unpacking $(ls "$debs"/*.deb | wc -l) packages"
rm -rf "$dest/root" "$dest/root.new"
mkdir -p "$dest/root.new"
for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" "$dest/root.new"; done
mv "$dest/root.new" "$dest/root"
root=$dest/root
loader=$(ls "$root"/usr/lib/*/ld-linux*.so.* | head -n 1)
libraries=$(dirname "$loader")
cat >"$launcher" <<LAUNCH
#!/bin/sh
exec "$loader" --argv0 asterisk --library-path "$libraries" "$root/usr/sbin/asterisk" "\$@"
LAUNCH
chmod +x "$launcher"
good "$launcher" || fail "what Debian $suite carries is not Asterisk $minimum or later, or does not start: $("$launcher" -V 2>&1 | tail -n 1 || true)"
[ -f "$libraries/asterisk/modules/chan_websocket.so" ] || fail "Debian's Asterisk came without chan_websocket"
write_paths "$launcher" "$libraries/asterisk/modules" "$root/usr/share/asterisk"

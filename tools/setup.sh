#!/bin/sh
# Sets up .boot (uv), .venv (hash-locked packages) and node_modules (players, locked); quick when nothing changed.
#   tools/setup.sh run|dev
set -eu
cd "$(dirname "$0")/.."
want=${1:-run}
lock=requirements.lock
[ "$want" = dev ] && lock=requirements-dev.lock
python=$(command -v python3.11 || command -v python3) || { echo "set-up: python3.11 is needed (apt install python3 python3-pip)" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "set-up: Python 3.11 is needed, $("$python" -V) found" >&2; exit 1; }

say() { printf '\033[2m[set-up]\033[0m %s\n' "$1" >&2; }
stamp=.venv/.matinee-$want
dev_stamp=.venv/.matinee-dev
key=$(cat "$lock" tools/setup.sh package-lock.json 2>/dev/null | cksum)
if [ "$want" = run ] && [ -f "$dev_stamp" ] && [ "$(cat "$dev_stamp")" = "$(cat requirements-dev.lock tools/setup.sh package-lock.json | cksum)" ]; then exit 0; fi
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ]; then exit 0; fi

[ -x .boot/bin/uv ] || { say "fetching uv"; "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .boot --upgrade uv; }
[ -x .venv/bin/python ] || { say "making .venv"; .boot/bin/uv venv --quiet --no-python-downloads --python "$python" .venv; }
say "installing Python packages ($lock)"
.boot/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r "$lock"
say "installing the players (npm)"
npm ci --silent --no-fund --no-audit
# The project is run from its folder: one line puts it on the path, one script is the command.
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
pwd > "$site/matinee.pth"
printf '#!/bin/sh\nexec "%s/.venv/bin/python" -P -m tools.cli "$@"\n' "$(pwd)" > .venv/bin/matinee.part
chmod 755 .venv/bin/matinee.part && mv .venv/bin/matinee.part .venv/bin/matinee
printf '%s\n' "$key" > "$stamp.part" && mv "$stamp.part" "$stamp"

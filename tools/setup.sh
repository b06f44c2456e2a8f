#!/bin/sh
# Installs .boot (uv), .venv (hash-locked packages) and node_modules (locked players); quick when nothing changed. Safe to
# kill at any line: the next run redoes whatever was left unfinished.
#   tools/setup.sh run|dev      run: what the programs need; dev: also what the tests and checks need
set -eu
cd "$(dirname "$0")/.."
want=${1:-run}
lock=requirements.lock
[ "$want" = dev ] && lock=requirements-dev.lock

say() { printf '[set-up] %s\n' "$1" >&2; }
fail() { say "$1"; exit 1; }
# Downloads may fail: try three times.
try() {
  "$@" || { say "$1 failed; trying again (2 of 3)"; "$@"; } || { say "$1 failed; trying again (3 of 3)"; "$@"; }
}
# A checksum of every input. It includes the folder because .venv holds absolute paths.
key_of() { { pwd; echo "$1"; cat "$1" tools/setup.sh tools/uv.lock.txt package.json package-lock.json; } | cksum; }
done_with() { [ -f ".venv/.matinee-$1" ] && [ "$(cat ".venv/.matinee-$1")" = "$2" ]; }

key=$(key_of "$lock")
# A dev installation includes everything that the programs need.
done_with dev "$(key_of requirements-dev.lock)" && exit 0
done_with "$want" "$key" && exit 0

python=$(command -v python3.11 || command -v python3) || fail "Python 3.11 is needed (apt install python3 python3-pip)"
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || fail "Python 3.11 is needed; $python is $("$python" -V)"
command -v npm >/dev/null || fail "npm is needed (apt install npm)"
mkdir -p .boot
# Concurrent set-ups (make up and make test) take turns.
if command -v flock >/dev/null; then
  exec 9>.boot/set-up.lock
  flock 9
  done_with dev "$(key_of requirements-dev.lock)" && exit 0
  done_with "$want" "$key" && exit 0
fi

# uv verifies every other package, so it is itself pinned by the hash in tools/uv.lock.txt.
uv_wanted=$(cksum < tools/uv.lock.txt)
if ! .boot/bin/uv --version >/dev/null 2>&1 || [ "$(cat .boot/uv.lock.key 2>/dev/null)" != "$uv_wanted" ]; then
  say "fetching uv"
  rm -f .boot/uv.lock.key
  "$python" -m pip --version >/dev/null 2>&1 || fail "pip is needed (apt install python3-pip)"
  try "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .boot --upgrade \
    --require-hashes --no-deps --only-binary :all: -r tools/uv.lock.txt
  printf '%s\n' "$uv_wanted" > .boot/uv.lock.key
fi
# A package half-written by a killed run may look installed, so start over (this takes seconds).
if [ -e .venv/.matinee-installing ] || ! .venv/bin/python -c '' 2>/dev/null; then rm -rf .venv; fi
if [ ! -d .venv ]; then
  say "creating .venv"
  .boot/bin/uv venv --quiet --no-python-downloads --python "$python" .venv
fi
say "installing Python packages ($lock)"
: > .venv/.matinee-installing
try .boot/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r "$lock"
# The project runs from its folder: a .pth file puts it on the path, and a script is the `matinee` command.
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
pwd > "$site/matinee.pth"
printf '#!/bin/sh\nexec "%s/.venv/bin/python" -P -m tools.cli "$@"\n' "$(pwd)" > .venv/bin/matinee.part
chmod 755 .venv/bin/matinee.part
mv .venv/bin/matinee.part .venv/bin/matinee
rm .venv/.matinee-installing

omit=
[ "$want" = dev ] || omit=--omit=dev
players="$want $(cat package.json package-lock.json | cksum)"
if [ ! -f node_modules/.matinee ] || [ "$(cat node_modules/.matinee)" != "$players" ]; then
  say "installing the players (npm)"
  try npm ci --silent --no-fund --no-audit $omit
  printf '%s\n' "$players" > node_modules/.matinee
fi
printf '%s\n' "$key" > ".venv/.matinee-$want.part"
mv ".venv/.matinee-$want.part" ".venv/.matinee-$want"

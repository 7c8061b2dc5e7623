# shellcheck shell=bash
# Sourced by scripts/setup: how a script speaks, fails, and can be stopped.

say() { printf '==> %s\n' "$*" >&2; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command so that a signal ends it as well: by itself bash waits for the command and passes nothing on.
run() {
  "$@" &
  wait $!
}

stop() {
  trap - INT TERM HUP
  local job
  for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done
  wait
  exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM
trap 'stop 129' HUP

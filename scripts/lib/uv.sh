# shellcheck shell=bash
# Sourced by scripts/setup and scripts/lock: uv, in the version of scripts/requirements/uv.txt, and a Python.

readonly cache=$PWD/.cache
readonly requirements=scripts/requirements
readonly wanted_python='>=3.14.2,<3.15'

# Sets `uv`: the one on the PATH if it has that version, else one fetched into the cache.
find_uv() {
  local version other
  version=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' "$requirements/uv.txt")
  other=$(command -v uv) || true
  for uv in "$other" "$cache/uv/bin/uv"; do
    if [[ $uv && $("$uv" --version 2>/dev/null) =~ ^uv\ ([0-9.]+) && ${BASH_REMATCH[1]} == "$version" ]]; then return; fi
  done
  say "Fetching uv $version"
  rm -rf "$cache/uv" "$cache/uv-venv"
  local options=(--quiet --target "$cache/uv" --no-deps --only-binary :all: --require-hashes -r "$requirements/uv.txt")
  if command -v python3 >/dev/null; then
    fetch_by_pip "${options[@]}"
  elif [[ $other ]]; then
    uv=$other
    find_python
    run "$uv" pip install --python "$python" "${options[@]}"
  else
    fail 'There is neither uv nor python3. Install one of them, then run this again.'
  fi || fail 'uv could not be fetched (see above). Install this version by hand, then run this again.'
  uv=$cache/uv/bin/uv
}

# fetch_by_pip OPTION...   installs with Python's pip, wherever there is one
fetch_by_pip() {
  local pip=(python3 -m pip)
  if ! "${pip[@]}" --version >/dev/null 2>&1; then
    if python3 -m venv "$cache/uv-venv" >/dev/null 2>&1; then
      pip=("$cache/uv-venv/bin/python" -m pip)
    else
      debian_pip "$cache/debian-pip" || fail 'Fetching uv takes pip. Install pip, or uv itself, then run this again.'
      pip=(env "PYTHONPATH=$cache/debian-pip" python3 -m pip)
    fi
  fi
  PIP_ROOT_USER_ACTION=ignore run "${pip[@]}" install --disable-pip-version-check "$@"
}

# Sets `python`: one that is here, else uv's own download, else the packages of Debian or Ubuntu.
find_python() {
  python=$cache/python3.14/usr/bin/python3.14
  # It names the folder of its libraries: that of a copied clone leads to the original's.
  grep -qF "$cache/python3.14/" "$python" 2>/dev/null && "$python" -c '' 2>/dev/null && return
  python=$("$uv" python find --system --no-python-downloads "$wanted_python" 2>/dev/null) && return
  say 'Fetching Python 3.14'
  # A network that lets no download through must be found out in seconds, not in minutes of retries.
  export UV_PYTHON_INSTALL_DIR=$cache/python
  if UV_HTTP_RETRIES=0 UV_HTTP_CONNECT_TIMEOUT=5 run "$uv" python install --no-bin "$wanted_python" \
    2>"$cache/python.log"; then
    python=$("$uv" python find --system --managed-python "$wanted_python")
    return
  fi
  debian_python "$cache/python3.14" "$uv" && python=$cache/python3.14/usr/bin/python3.14 && return
  cat "$cache/python.log" >&2
  fail "Python $wanted_python could not be fetched (see above). Install it by hand, then run this again."
}

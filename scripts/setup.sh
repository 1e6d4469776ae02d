# What `scripts/test` and `scripts/demo` share: finding Python, making a venv, installing system packages.
# Sourced by them, not run by itself. Everything here is safe to repeat.

say() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }
if [[ ! -t 2 || -n "${NO_COLOR:-}" ]]; then say() { printf '\n==> %s\n' "$*" >&2; }; fi

fail() {
  printf 'error: %s\n' "$1" >&2
  [[ $# -lt 2 ]] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

# apt_install PACKAGE…: as root on Debian and its relatives; otherwise says what to install.
apt_install() {
  if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
    fail "missing on this machine: $*" \
      "install them with the system's package manager, for example \`sudo apt-get install $*\` or \`brew install $*\`"
  fi
  say "installing with apt-get: $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2
  apt-get install -y -qq --no-install-recommends "$@" >&2
}

# need_programs PROGRAM:PACKAGE…: installs the packages of those programs that are not there.
need_programs() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [[ ${#missing[@]} -eq 0 ]] || apt_install "${missing[@]}"
}

usable_python() {
  command -v "$1" >/dev/null && "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# find_python: prints the name of a Python that is new enough and can make a venv; $PYTHON is tried first.
find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
    if usable_python "$candidate"; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  apt_install python3 python3-venv
  usable_python python3 || fail "no Python 3.11 or newer with venv found" "set PYTHON to one"
  printf 'python3\n'
}

# make_venv FOLDER: a venv that works, made again if it does not (its Python may have been upgraded or removed).
make_venv() {
  local venv=$1
  if [[ -x $venv/bin/python ]] && "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    return
  fi
  local python
  python=$(find_python)
  say "making a virtual environment in $venv with $("$python" --version)"
  "$python" -m venv --clear "$venv"
  printf '*\n' >"$venv/.gitignore"
}

# pip_install VENV ARGUMENT…
pip_install() {
  local venv=$1
  shift
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --root-user-action=ignore "$@" >&2
}

# npm_install VENV LIST: the packages of LIST (a package.json) into VENV/npm; fails where npm is not there or cannot get them.
npm_install() {
  local folder=$1/npm list=$2
  ! cmp -s "$list" "$folder/installed.json" || return 0
  command -v npm >/dev/null || return 1
  say "installing with npm: what $list names"
  mkdir -p "$folder"
  cp "$list" "$folder/package.json"
  npm install --silent --no-audit --no-fund --no-package-lock --fetch-retries 1 --prefix "$folder" >&2 || return 1
  cp "$list" "$folder/installed.json"
}

#!/bin/sh
# Say in one line what a machine lacks before anything is built, and how to get it. Prints nothing when all is there.
# Reads PYTHON (default python3). Needs only a POSIX shell.
set -u
python=${PYTHON:-python3}
missing=0

lack() {
    echo "missing: $1 — $2" >&2
    missing=1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

if ! have "$python"; then
    lack "Python 3.10 to 3.13" "install it (Debian: apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3"
elif ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'; then
    lack "Python 3.10 to 3.13 ($python is $("$python" -c 'import platform; print(platform.python_version())'))" \
        "TensorFlow has wheels for these; install one and name it: make PYTHON=/path/to/python3.12"
elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    lack "the venv module of $python" "install it (Debian: apt-get install python3-venv)"
fi

have cc || lack "a C compiler (cc)" "install one (Debian: apt-get install build-essential)"

if ! have cargo || ! have rustc; then
    lack "Rust 1.87 or newer (cargo, rustc)" "install it with rustup (https://rustup.rs) and put ~/.cargo/bin on PATH"
else
    version=$(rustc --version | cut -d' ' -f2)
    minor=$(echo "$version" | cut -d. -f2)
    if [ "$(echo "$version" | cut -d. -f1)" -le 1 ] && [ "$minor" -lt 87 ]; then
        lack "Rust 1.87 or newer (rustc is $version)" "update it: rustup update stable"
    fi
fi

[ "$(uname -s)" = Linux ] || lack "Linux (this is $(uname -s))" "workers share memory through memfd; use a Linux machine or container"

exit $missing

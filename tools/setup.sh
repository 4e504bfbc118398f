#!/bin/sh
# Sets up .venv one step at a time; the Makefile calls it when a step's inputs are newer than the step's stamp.
#
#   base       a virtual environment on the newest Python >= 3.11 that is found, with what the build needs
#   core       compiles the extension beside the package and installs the package in editable form
#   extra-NAME installs one of the extras of pyproject.toml
#
# LOCALVAULT_PYTHON names the interpreter to use instead of searching for one.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
python=$venv/bin/python

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${LOCALVAULT_PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    echo "localvault needs Python 3.11 or later: install it (Debian: apt-get install python3 python3-venv python3-dev," \
        "Fedora: dnf install python3 python3-devel, macOS: brew install python) or set LOCALVAULT_PYTHON." >&2
    return 1
}

make_venv() {
    found=$(find_python)
    if ! "$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        echo "$found cannot make virtual environments: install its venv module" \
            "(Debian: apt-get install python3-venv)." >&2
        return 1
    fi
    "$found" -m venv --clear $venv
}

# The lists live in pyproject.toml alone; tomllib is in the standard library from 3.11 on.
build_requirements() {
    "$python" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
}

pip_install() {
    "$python" -m pip --disable-pip-version-check install --quiet "$@" </dev/null
}

case $1 in
base)
    is_new_enough "$python" || make_venv
    build_requirements | while read -r requirement; do pip_install "$requirement"; done
    ;;
core)
    "$python" tools/preflight.py
    # Time stamps count in whole seconds, so an edit right after a build would go unseen: always compile.
    "$python" setup.py --quiet build_ext --inplace --force
    pip_install --no-build-isolation --editable .
    ;;
extra-*)
    "$python" tools/preflight.py
    pip_install --no-build-isolation --editable ".[${1#extra-}]"
    ;;
*)
    echo "usage: setup.sh base | core | extra-NAME" >&2
    exit 2
    ;;
esac
touch "$venv/.$1"

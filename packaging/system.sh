#!/usr/bin/env bash
# What Rushlight needs from the system: `system.sh check | check-window | check-tests | install | python`.
set -euo pipefail

packages=(build-essential cmake ninja-build python3-dev python3-venv strace util-linux)
# What Qt's wheels expect of a desktop; a machine that shows windows has them.
packages+=(libegl1 libgl1 libfontconfig1 libdbus-1-3 libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4
    libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1)
window_libraries=(libEGL.so.1 libGL.so.1 libfontconfig.so.1 libdbus-1.so.3 libxkbcommon.so.0)

find_python() {
    for name in ${PYTHON:-} python3 python3.11 python3.12 python3.13; do
        if command -v "$name" >/dev/null && "$name" - >/dev/null 2>&1 <<'PY'
import sys, sysconfig, pathlib
import venv, ensurepip
assert (3, 11) <= sys.version_info[:2] <= (3, 13)
assert pathlib.Path(sysconfig.get_path("include"), "Python.h").exists()
PY
        then command -v "$name"; return 0; fi
    done
    return 1
}

missing() {
    find_python >/dev/null || echo "Python 3.11 to 3.13 with venv and headers"
    command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || echo "a C++ compiler"
    command -v cmake >/dev/null || echo "CMake"
}

missing_for_window() {
    command -v ldconfig >/dev/null || [ -x /sbin/ldconfig ] || return 0  # not Linux: Qt brings all it needs
    local known
    known=$(PATH="$PATH:/sbin" ldconfig -p)
    for library in "${window_libraries[@]}"; do
        grep -q "$library" <<<"$known" || echo "$library"
    done
}

# By itself only where nobody could be asked: as root, without a terminal, as in CI and containers.
may_install() {
    [ "$(id -u)" = 0 ] && { [ ! -t 0 ] || [ "${CI:-}" = true ]; } && command -v apt-get >/dev/null
}

install() {
    if ! command -v apt-get >/dev/null; then
        echo "This is neither Debian nor Ubuntu: install by hand: $(missing | paste -sd, -)" >&2
        exit 1
    fi
    local sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

case "${1:-}" in
check)
    lacking=$(missing)
    [ -z "$lacking" ] && exit 0
    echo "Missing: $(paste -sd, - <<<"$lacking" | sed 's/,/, /g')"
    if may_install; then
        echo "Installing it (make system)"
        install
    else
        echo "Run this first:  make system"
        exit 1
    fi
    ;;
check-window)
    lacking=$(missing_for_window)
    [ -z "$lacking" ] && exit 0
    echo "The window needs: $(paste -sd, - <<<"$lacking" | sed 's/,/, /g')"
    if may_install; then
        echo "Installing it (make system)"
        install
    else
        echo "Run this first:  make system"
        exit 1
    fi
    ;;
check-tests)
    # Tests that need these are left out with a line where they are missing, so this is no reason to stop.
    lacking=$(missing_for_window; for name in strace unshare; do command -v $name >/dev/null || echo $name; done)
    [ -z "$lacking" ] && exit 0
    lacking=$(paste -sd, - <<<"$lacking" | sed 's/,/, /g')
    if may_install; then
        echo "Installing for the tests: $lacking (make system)"
        install
    else
        echo "Missing: $lacking. The tests that need them are left out (make system installs them)"
    fi
    ;;
install) install ;;
python) find_python || { echo "No Python 3.11 to 3.13 with venv and headers was found. Run: make system" >&2; exit 1; } ;;
*) echo "usage: system.sh check | check-window | check-tests | install | python" >&2; exit 2 ;;
esac

#!/bin/sh
# sh begin.sh FILE [./lab's arguments …]
#
# The first step on a computer that has nothing but this bundle: it unpacks the project beside
# it, installs Python from it where there is none, and calls `./lab run --bundle FILE`.
set -eu
file=$(realpath "$1"); shift
[ $# -gt 0 ] || set -- run

tar -xOf "$file" project.tar.gz | tar -xz
cd deploylab
if ! command -v python3 > /dev/null; then
    echo "Python is missing: it is installed from the bundle."
    work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
    tar -xf "$file" -C "$work" --wildcards 'host-packages/*'
    mkdir -p "$work/lists/partial"
    echo "deb [trusted=yes] file:$work/host-packages ./" > "$work/sources.list"
    root=; [ "$(id -u)" = 0 ] || root=sudo
    apt() {
        $root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dir::Etc::SourceList="$work/sources.list" \
            -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/lists" -o APT::Sandbox::User=root "$@"
    }
    { apt update && apt install -y --no-install-recommends python3 python3-venv; } > "$work/log" 2>&1 || {
        tail -n 15 "$work/log"; exit 1
    }
    rm -rf "$work"
fi
exec ./lab "$@" --bundle "$file"

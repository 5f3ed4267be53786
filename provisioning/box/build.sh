#!/bin/bash
# Builds a Vagrant box for the LXC provider: a small Debian with systemd and sshd.
#
#   build.sh SUITE PUBLIC_KEY_FILE OUTPUT.box [APT_SOURCE_LINE ... | BUNDLE]
#
# Without source lines mmdebstrap takes the distribution's own default mirror. BUNDLE is the
# folder of a bundle in use (`./lab bundle`): then no network is asked.
# Needs root, and about 400 MB for a moment.
set -euo pipefail

suite=$1 public_key=$2 output=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "$(dirname "$output")/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

packages=$(sed 's/#.*//' "$here/packages.txt" | xargs | tr ' ' ,)
bundle=
if [ -d "${1:-}" ]; then
    bundle=$1
    set -- "deb [trusted=yes] copy:${bundle// /%20}/guest-packages ./"   # digests were compared
fi

hook_dir=$work/hook
mkdir -p "$hook_dir"
cp "$public_key" "$hook_dir/authorized_keys"
cp "$here/customize.sh" "$hook_dir/"

# A pipe: mmdebstrap reads apt source lines from its standard input when the mirror is "-".
mirror=()
[ $# -gt 0 ] && mirror=(-)
printf '%s\n' "$@" | mmdebstrap --mode=root --variant=minbase \
    --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="set -e; cp $(printf %q "$hook_dir")/authorized_keys \"\$1/tmp/\"" \
    --customize-hook="set -e; bash $(printf %q "$hook_dir")/customize.sh \"\$1\" $(printf %q "$bundle")" \
    "$suite" "$work/rootfs" "${mirror[@]}"

# The plug-in strips two path components, so the members must begin with ./rootfs/.
tar --numeric-owner -C "$work" -cf - ./rootfs | gzip -1 > "$work/rootfs.tar.gz"
cp "$here/lxc-config" "$work/lxc-config"
echo '{"provider": "lxc", "version": "1.0.0"}' > "$work/metadata.json"
tar -C "$work" -cf "$work/new.box" metadata.json lxc-config rootfs.tar.gz
mv "$work/new.box" "$output"   # whole or not at all

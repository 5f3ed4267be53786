#!/bin/bash
# tests/clean.sh CLONE SCRIPT [OUT [SUITE]]
#
# Runs a shell script as root in a Debian that has Python and certificates and nothing else, beside a copy of CLONE in
# /root/deploylab. It has namespaces of its own for network, mounts, processes and its name: its servers take no port
# of this computer, and when the script ends everything in it ends too. Packages come over a network of two
# addresses that this computer masks as its own; it forwards packets from then on, as for LXC. What the script then
# leaves in /root/out is in the folder OUT. SUITE is a release of Debian, this computer's own if none. As root. The
# bare system is kept in CLONE/.lab for the next time.
set -euo pipefail
clone=$(realpath "$1") script=$(realpath "$2") out=${3-}
own=$(. /etc/os-release && echo "$VERSION_CODENAME") suite=${4:-$own}
kept=$clone/.lab/clean-$suite.tar
name=lab$$ net=10.213.$(($$ / 64 % 256)).$(($$ % 64 * 4))
first=${net%.*}.$((${net##*.} + 1)) second=${net%.*}.$((${net##*.} + 2))
root=$(mktemp -d /var/tmp/deploylab-clean.XXXXXX)
nat=(POSTROUTING -t nat -s "$net/30" -j MASQUERADE)
end() {
    ip netns del "$name" 2>/dev/null || true      # its two devices go with it
    iptables -w -D "${nat[@]}" 2>/dev/null || true
    rm -rf --one-file-system "$root"
}
trap end EXIT
trap 'exit 143' INT TERM HUP

if [ ! -e "$kept" ]; then
    mkdir -p "$clone/.lab"
    # The mirror that this computer uses itself.
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) main' "Created-By: Packages" "Origin: Debian" | sort -u | sed "s/ $own/ $suite/" |
        mmdebstrap --quiet --format=tar --mode=root --variant=minbase --include=python3,ca-certificates "$suite" "$kept.part" -
    mv "$kept.part" "$kept"
fi
tar -xf "$kept" -C "$root" --numeric-owner
git clone -q "$clone" "$root/root/deploylab"
git -C "$clone" ls-files -z --modified --others --exclude-standard |      # what is not committed yet
    tar -C "$clone" -c --null --ignore-failed-read -T - | tar -x -C "$root/root/deploylab"
cp "$script" "$root/root/script"
printf '127.0.0.1 localhost\n127.0.1.1 clean\n' > "$root/etc/hosts"      # or sudo complains
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"

ip netns add "$name"
ip link add "$name" type veth peer name eth0 netns "$name"
ip addr add "$first/30" dev "$name"
ip link set "$name" up
ip -n "$name" addr add "$second/30" dev eth0
ip -n "$name" link set lo up
ip -n "$name" link set eth0 up
ip -n "$name" route add default via "$first"
echo 1 > /proc/sys/net/ipv4/ip_forward            # not taken back: a machine that came up meanwhile needs it
iptables -w -A "${nat[@]}"

ip netns exec "$name" unshare --mount --pid --uts --ipc --fork --kill-child bash -euc '
    root=$1
    mount --make-rprivate /
    hostname clean
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    # Devices of its own: who changes the mode of /dev/null in there does not change it here.
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    mknod -m 666 "$root/dev/null" c 1 3
    mknod -m 666 "$root/dev/zero" c 1 5
    mknod -m 666 "$root/dev/full" c 1 7
    mknod -m 666 "$root/dev/random" c 1 8
    mknod -m 666 "$root/dev/urandom" c 1 9
    mknod -m 666 "$root/dev/tty" c 5 0
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s pts/ptmx "$root/dev/ptmx"
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
    mount -t tmpfs tmpfs "$root/dev/shm"
    cd "$root"
    pivot_root . mnt
    exec chroot . env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        bash -euc "umount -l /mnt; update-ca-certificates >/dev/null; cd /root/deploylab; . /root/script"
' enter "$root"
[ -z "$out" ] || cp -r "$root/root/out/." "$out/"

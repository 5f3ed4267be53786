#!/bin/bash
# tests/offline.sh BUNDLE [./lab's arguments …]
#
# Goes down the road on a Debian 12 that has nothing but a bundle, and no network. By hand, as root: it takes
# half an hour. The bare system is made with the network there is; then it is entered with namespaces of its own
# for network, mounts and processes. Its network has a loopback device alone, and later the guests' bridge. When
# the script ends, everything in it ends too. INCLUDE=python3 puts a Python without pip into it: `begin.sh` then
# installs nothing, and `./lab` itself gets its pip from the bundle. LESSONS names the lessons that are run.
set -euo pipefail
export LESSONS=${LESSONS-02_runserver 04_apache}
bundle=$(realpath "$1"); shift
[ $# -gt 0 ] || set -- run --quick --yes
root=$(mktemp -d /var/tmp/deploylab-offline.XXXXXX)
trap 'rm -rf --one-file-system "$root"' EXIT

echo "== a Debian 12 with nothing, in $root"
mmdebstrap --quiet --variant=minbase ${INCLUDE:+--include="$INCLUDE"} bookworm "$root"
cp "$bundle" "$root/root/room.tar"
cat > "$root/root/road.sh" <<'ROAD'
set -eu
say() { echo "== $(date +%T) $*"; }
cd /root
say "links: $(ls /sys/class/net | xargs), routes: $(tail -n +2 /proc/net/route | wc -l), python3: $(command -v python3 || echo none)"
trap 'say "end with status $?"; cd /root/deploylab && ./lab destroy --yes; ls /var/lib/lxc' EXIT
tar -xf room.tar begin.sh
say "begin: $*"
sh begin.sh room.tar "$@"
cd deploylab
say "the second time: nothing is unpacked or installed any more"
./lab up --bundle ../room.tar
# A lesson by hand types apt-get and pip into the guest.
for lesson in $LESSONS; do
    say "lesson $lesson, from the first cell to the last, on the machine"
    python3 -c 'import sys; sys.path.insert(0, "."); from deploylab.bootstrap import environment
environment.prepare("open", ["open"])'
    DEPLOYLAB_BRIEF=1 PYTHONPATH=. .venv/bin/python - "$lesson" <<'PYTHON'
import sys
from pathlib import Path
from deploylab.lessons import notebooks
done = notebooks.execute(Path("notebooks", f"{sys.argv[1]}.ipynb"))
print(f"{done.seconds:.0f} s, failed: {done.failed}")
said = [o for c in done.notebook.cells for o in c.get("outputs", []) if "RECORDED" in str(o)]
sys.exit(bool(done.failed) or any("There is no machine" in str(one) for one in said))
PYTHON
done
say "links: $(ls /sys/class/net | xargs), routes: $(tail -n +2 /proc/net/route | wc -l)"
say "nothing secret came with it: $(tar -tf ../room.tar | grep -c -E 'id_ed25519|\.env$|ssh_host' || true) files"
ROAD

echo "== into namespaces of its own"
unshare --net --mount --pid --fork --kill-child bash -euc '
    root=$1; shift
    mount --make-rprivate /
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"            # shows the links of this network alone
    mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    ip link set lo up
    cd "$root"
    pivot_root . mnt
    exec chroot . env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        LESSONS="$LESSONS" sh -c "umount -l /mnt; exec sh /root/road.sh \"\$@\"" road "$@"
' enter "$root" "$@"

# For tests/clean.sh: the machine kind `local` from beginning to end, on a Debian that never saw the kit.
# What was seen is in /root/out: NAME.json of a command, sockets.WHEN, and BEFORE and AFTER of the whole system.
out=/root/out
mkdir -p $out
printf '[global]\ntimeout = 77\n' > /etc/pip.conf       # somebody's own, which the stages write over
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update

look() {   # all of the system but the clone: files, packages, users, programs
    find / -xdev \( -path /root -o -path /tmp -o -path /proc -o -path /sys -o -path /dev \) -prune \
        -o -printf '%p %M %u:%g %l\n' | sort > "$out/files.$1"
    find /etc -xdev -type f -exec sha256sum {} + | sort -k 2 > "$out/contents.$1"
    dpkg-query -W > "$out/packages.$1"
    sort /etc/passwd /etc/group > "$out/users.$1"
    # Not by `ps`: it is one of the packages. This shell and its children are left out.
    for line in /proc/[0-9]*/cmdline; do tr '\0' ' ' < "$line"; echo; done 2>/dev/null | sort -u |
        grep -v -e '^$' -e '^bash ' -e '^tr ' -e '^sort ' -e '^grep ' > "$out/programs.$1" || true
    # Addresses as the kernel writes them, of what listens.
    awk '$4 == "0A" {print $2}' /proc/net/tcp /proc/net/tcp6 > "$out/listening.$1"
}
say() { echo "== $(date +%T) $*"; }

./lab status > /dev/null                                 # makes .venv, with the package python3-venv
look before
choose='from deploylab.machine import choose; print(choose.choose().kind)'
.venv/bin/python -c "$choose" > $out/nowhere 2>&1 || true
touch /.dockerenv
.venv/bin/python -c "$choose" > $out/container 2>&1 || true
./lab up > $out/unasked 2>&1 || true
say up
./lab up --machine local --yes
for target in runserver edge:varnish apache:embedded tls; do
    say "goto $target"
    ./lab goto "$target" --json > "$out/$target.json"
done
say "goto, the second time"
./lab goto edge:varnish --json > $out/again.json
ss -Hltn | awk '{print $4}' > $out/sockets.standing
say halt
./lab halt
awk '$4 == "0A" {print $2}' /proc/net/tcp /proc/net/tcp6 > $out/sockets.halted
say "up again"
./lab up
./lab check apache --json > $out/check.json
apt-get -qq install -y --no-install-recommends memcached > /dev/null     # as in a lesson by hand
say destroy
./lab destroy --yes
rm /.dockerenv
look after

#!/bin/bash
# Runs on the host, inside the box build, with the guest's root folder as argument, and the folder
# of a bundle where one is in use.
set -euo pipefail
root=$1 bundle=${2:-}

# Vagrant's user. It may do everything, as on every Vagrant box; only the
# key of this clone lets anyone in, and passwords do not.
chroot "$root" useradd --create-home --shell /bin/bash vagrant
install -d -m 700 "$root/home/vagrant/.ssh"
install -m 600 "$root/tmp/authorized_keys" "$root/home/vagrant/.ssh/authorized_keys"
rm "$root/tmp/authorized_keys"
chroot "$root" chown -R vagrant:vagrant /home/vagrant/.ssh
echo 'vagrant ALL=(ALL) NOPASSWD:ALL' > "$root/etc/sudoers.d/vagrant"
chmod 440 "$root/etc/sudoers.d/vagrant"
cat > "$root/etc/ssh/sshd_config.d/deploylab.conf" <<'SSHD'
PasswordAuthentication no
PermitRootLogin no
UseDNS no
SSHD

# Network: an address from the bridge.
cat > "$root/etc/systemd/network/eth0.network" <<'NETWORK'
[Match]
Name=eth0
[Network]
DHCP=ipv4
LinkLocalAddressing=no
LLMNR=no
MulticastDNS=no
[DHCPv4]
ClientIdentifier=mac
NETWORK
mkdir -p "$root/etc/systemd/resolved.conf.d"
cat > "$root/etc/systemd/resolved.conf.d/deploylab.conf" <<'RESOLVED'
# Names come from the bridge; nothing is announced to, or asked from, the neighbours.
[Resolve]
LLMNR=no
MulticastDNS=no
RESOLVED
chroot "$root" systemctl enable systemd-networkd systemd-resolved ssh
# A container does not need these, and each costs boot time.
chroot "$root" systemctl mask systemd-udevd systemd-networkd-wait-online apt-daily.timer apt-daily-upgrade.timer

# Host keys are made at first boot: two guests of one box do not share them.
rm -f "$root"/etc/ssh/ssh_host_*
cat > "$root/etc/systemd/system/ssh-host-keys.service" <<'UNIT'
[Unit]
Description=Make the SSH host keys of this machine
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl enable ssh-host-keys.service
: > "$root/etc/machine-id"

# From a bundle: the machine has its packages with it, and downloads none.
if [ "$bundle" ]; then
    carried=/usr/share/deploylab
    install -d "$root$carried"
    cp -r "$bundle/guest-packages" "$bundle/guest-wheels" "$root$carried/"
    chmod -R a+rX "$root$carried"
    echo "deb [trusted=yes] file:$carried/guest-packages ./" > "$root/etc/apt/sources.list"
fi
echo 'LANG=C.UTF-8' > "$root/etc/default/locale"

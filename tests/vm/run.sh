#!/usr/bin/env bash
# Try every wall of the sandbox on another kernel: Debian's own, whose control groups are of version 2, in a virtual machine
# whose file system is this machine's, read only, with what is written kept in memory. As root, and as a user to whom a
# group is lent, as systemd does it (Delegate=yes). run.sh PYTHON
set -euo pipefail
python=$(realpath "$1"); command=$(realpath "$(dirname "$1")")/pkit; here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
cd "$here"

kernel=$(apt-cache depends "linux-image-$(dpkg --print-architecture)" | sed -n 's/.*Depends: //p' | head -1)
apt-get download -q "$kernel" 2>/dev/null >/dev/null
dpkg -x linux-image*.deb kernel

mkdir -p first/bin first/modules first/proc first/sys first/dev first/low first/high first/root
cp "$(command -v busybox)" first/bin/busybox
for module in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci netfs fscache 9pnet 9p 9pnet_virtio overlay; do
	find kernel/lib/modules -name "$module.ko" -exec cp {} first/modules/ \;
done
cat >first/init <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for round in 1 2 3 4; do for module in /modules/*; do insmod "$module" 2>/dev/null; done; done  # some need others
mount -r -t 9p -o trans=virtio,version=9p2000.L,access=any,cache=loose,msize=512000 root /low
mount -t tmpfs high /high; mkdir /high/upper /high/work
mount -t overlay -o lowerdir=/low,upperdir=/high/upper,workdir=/high/work root /root
mount -t devtmpfs dev /root/dev; mkdir -p /root/dev/shm /root/dev/pts
for folder in dev/shm run tmp; do mount -t tmpfs tmpfs "/root/$folder"; done
mount -t devpts pts /root/dev/pts; mount -t proc proc /root/proc; mount -t sysfs sys /root/sys
mount -t cgroup2 groups /root/sys/fs/cgroup
cp /inside /root/run/inside
exec switch_root /root /bin/bash /run/inside
INIT
cat >first/inside <<INSIDE
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin OMP_NUM_THREADS=1 COLUMNS=120 NO_COLOR=1
ip link set lo up
for path in "$python" "$command"; do
	while [ "\$path" != / ]; do path=\$(dirname "\$path"); chmod o+x "\$path"; done  # in memory only
done
as_root() { HOME=/root "$command" runner doctor "\$@"; }
as_user() {
	group=/sys/fs/cgroup/lent
	mkdir -p \$group/unit-\$2; echo "+memory +pids +cpu" | tee /sys/fs/cgroup/cgroup.subtree_control >\$group/cgroup.subtree_control
	chown -R nobody \$group
	bash -c 'echo \$\$ >/sys/fs/cgroup/lent/unit-\$2/cgroup.procs; exec setpriv --reuid nobody --regid nogroup --clear-groups \
		env HOME=/tmp "$command" runner doctor "\$@"' - "\$@"
}
for who in as_root as_user; do for kind in template bubblewrap; do
	echo; echo "\$who, \$kind, \$(uname -sr)"
	\$who --sandbox \$kind | tee /run/table && grep -q "version 2 " /run/table && echo "PASSED \$who \$kind"
done; done
echo o >/proc/sysrq-trigger
sleep 9
INSIDE
chmod +x first/init
(cd first && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >first.gz

timeout 1200 qemu-system-x86_64 -accel "${ACCEL:-tcg,thread=multi}" -cpu max -smp 2 -m 4G -nographic -no-reboot \
	-kernel kernel/boot/vmlinuz-* -initrd first.gz -append "console=ttyS0 panic=-1 quiet lsm=landlock" \
	-virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap </dev/null | tee said
test "$(grep -c ^PASSED said)" -eq 4

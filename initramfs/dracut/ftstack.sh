#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In dracut's initramfs: starts the mirrors below the root file system, once. Where a person
# has to choose it stops and asks.
type getarg >/dev/null 2>&1 || . /lib/dracut-lib.sh

# Nothing can be replayed or repaired on what is read only: dracut with systemd mounts by a
# unit, without it by these variables.
ftstack_read_only() {
	[ ! -d /sys/module/ft_mirror ] || return 0
	if [ -n "$DRACUT_SYSTEMD" ]; then
		mkdir -p /run/systemd/system/sysroot.mount.d
		printf '[Mount]\nOptions=ro,norecovery\n' >/run/systemd/system/sysroot.mount.d/ftstack.conf
		systemctl daemon-reload
	else
		rflags=ro,norecovery fastboot=yes
	fi
}

ftstack_start() {
	modprobe -q dm_mod
	modprobe -aq ft_core ft_mirror
	name=$(getarg root=)
	name=${name#/dev/mapper/}
	grep -qx "name *= *\"$name\"" /etc/ftstack/ftd.conf || name=
	for name in $(cat /etc/ftstack/early-mirrors) $name; do
		[ ! -e "/dev/mapper/$name" ] || continue
		set --
		for word in $(getargs ftstack.alone=); do
			[ "$word" != "$name" ] || set -- "$@" --alone
		done
		for word in $(getargs ftstack.survivor=); do
			[ "${word%%:*}" != "$name" ] || set -- "$@" --survivor "${word#*:}"
		done
		wait=$(getarg ftstack.wait=)
		until /sbin/ft_assemble "$@" ${wait:+--wait "$wait"} "$name"; do
			emergency_shell -n ftstack "$name is not started, see above; leave this" \
				"shell to try again"
		done
		ftstack_read_only
	done
}
ftstack_start

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# For dracut: what starts the mirrors below the root file system.

check() {
	# On one that is prepared but not mounted yet, root=/dev/mapper/NAME will say so.
	grep -qs '^\[\[mirror\]\]' "${dracutsysrootdir-}/etc/ftstack/ftd.conf" || return 255
}

depends() {
	echo dm
}

installkernel() {
	hostonly='' instmods =drivers/nvme dm_mod ft_core ft_chipset ft_mirror
}

install() {
	inst_multiple grep sort
	inst /usr/lib/ftstack/ft_assemble /sbin/ft_assemble
	inst_multiple -o /usr/lib/udev/ft_leg_id /lib/udev/ft_leg_id
	inst_rules 61-ft-mirror.rules
	inst_simple /etc/ftstack/ftd.conf
	/usr/lib/ftstack/early-mirrors >"$initdir/etc/ftstack/early-mirrors"
	inst_hook initqueue/settled 10 "$moddir/ftstack.sh"
	# With systemd nobody looks into that queue unless told.
	dracut_need_initqueue
}

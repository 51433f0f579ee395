#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In dracut's initramfs: starts the mirrors below the root file system, once. Where a person
# has to choose it stops and asks.
type getarg >/dev/null 2>&1 || . /lib/dracut-lib.sh

ftstack_start() {
	modprobe -q dm_mod
	modprobe -aq ft_core ft_mirror
	while read -r name; do
		[ -n "$name" ] && [ ! -e "/dev/mapper/$name" ] || continue
		set --
		for word in $(getargs ftstack.alone=); do
			[ "$word" != "$name" ] || set -- "$@" --alone
		done
		for word in $(getargs ftstack.survivor=); do
			[ "${word%%:*}" != "$name" ] || set -- "$@" --survivor "${word#*:}"
		done
		wait=$(getarg ftstack.wait=)
		until /sbin/ft_assemble "$@" ${wait:+--wait "$wait"} "$name" </dev/null; do
			emergency_shell -n ftstack "$name is not started, see above; leave this" \
				"shell to try again"
		done
	done </etc/ftstack/early-mirrors
}
ftstack_start

# SPDX-License-Identifier: GPL-2.0
# Completion of ftctl for bash.

_ftctl_objects()
{
	ftctl status --json 2>/dev/null | python3 -c '
import json, sys
try:
    status = json.load(sys.stdin)
except ValueError:
    sys.exit()
kind = sys.argv[1]
if kind == "modules":
    print(*(module["id"] for module in status["modules"]))
elif kind == "devices":
    print(*(member["device"] for pair in status["bonds"] + status["mirrors"]
            for member in pair["members"]))
elif kind == "jobs":
    print(*(job["id"] for job in status["jobs"]))
elif kind == "faults":
    print(*(fault["device"] for fault in status["faults"]))
else:
    print(*(pair["name"] for pair in status[kind]))' "$1"
}

_ftctl_links()
{
	(cd /sys/class/net 2>/dev/null && printf '%s ' *)
}

# They are the kernel's, whether or not ftd knows them.
_ftctl_bonds()
{
	(cd /sys/class/net 2>/dev/null && grep -ls '^DEVTYPE=ftbond$' */uevent | cut -d/ -f1)
}

_ftctl_bond_settings()
{
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--failback) echo never better always ;;
	--primary) echo none "$(_ftctl_links)" ;;
	--hold-down | --probe-interval | --announce-count | --announce-spacing) ;;
	*) echo --primary --failback --hold-down --probe-interval --announce-count \
		--announce-spacing --allow-same-module "$(_ftctl_links)" ;;
	esac
}

_ftctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} sub=${COMP_WORDS[2]} words=

	if [ "$COMP_CWORD" = 1 ]; then
		words="status monitor wait module bond mirror setup reload config fault job alert
			dump doctor metrics --help --version"
	elif [ "$COMP_CWORD" = 2 ]; then
		case $verb in
		status) words=--json ;;
		monitor) words=--json ;;
		wait) words="--duplex --timeout" ;;
		module) words="list show can-remove remove replace online" ;;
		bond) words="create set show switch delete" ;;
		mirror) words="create examine verify remove start resolve replace adopt grow scrub show prefer" ;;
		setup) words="--yes --dry-run --root --wipe --replace-blank" ;;
		config) words=check ;;
		fault) words="list show clear" ;;
		job) words="list cancel" ;;
		alert) words="list test serve" ;;
		dump) words="arm disarm check list show delete test load save" ;;
		metrics) words=--write ;;
		doctor) words=--root ;;
		esac
	elif [ "$COMP_CWORD" = 3 ]; then
		case $verb/$sub in
		module/list) ;;
		module/*) words=$(_ftctl_objects modules) ;;
		bond/create) ;;
		bond/show) words="$(_ftctl_bonds) --json" ;;
		bond/*) words=$(_ftctl_bonds) ;;
		mirror/examine | mirror/verify | mirror/remove) compopt -o default ;;
		mirror/create) ;;
		mirror/*) words=$(_ftctl_objects mirrors) ;;
		fault/list | alert/list) words=--json ;;
		fault/*) words=$(_ftctl_objects faults) ;;
		job/cancel) words=$(_ftctl_objects jobs) ;;
		config/check | metrics/--write) compopt -o default ;;
		setup/--replace-blank) words="ask auto" ;;
		esac
	else
		case $verb/$sub in
		bond/create | bond/set) words=$(_ftctl_bond_settings) ;;
		bond/switch) words=$(_ftctl_links) ;;
		bond/show) words=--json ;;
		mirror/create | mirror/examine | mirror/verify | mirror/remove) compopt -o default ;;
		mirror/grow) words="--size" ;;
		mirror/scrub) words="--check --repair --stop --wait" ;;
		mirror/show) words=--json ;;
		mirror/prefer) words="$(_ftctl_objects devices) both" ;;
		mirror/replace) words="$(_ftctl_objects devices) --wipe" ;;
		mirror/resolve | mirror/adopt) words=$(_ftctl_objects devices) ;;
		module/remove) words=--force ;;
		module/replace) words="--yes --use-blank --timeout" ;;
		alert/serve) words="--hooks --repeat --limit" ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _ftctl ftctl

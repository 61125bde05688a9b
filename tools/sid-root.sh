#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Makes a Debian sid root with the Python versions that the stable release does not have.
# The tests run them through chroot: that is also the test of a target in another root with
# another C library.
#
#   tools/sid-root.sh           make it where it is missing; prints its path
#   tools/sid-root.sh --dev     with debug builds and debug information too (another 300 MB)
#   tools/sid-root.sh --path    print the path it has or would have
#   tools/sid-root.sh --remove
#
# The archive's address is the one that this machine's apt already uses.
# Exit status: 0 it is there, 75 it cannot be had here (the tests then count skips), 1 or 2 errors.
set -euo pipefail

root=${PYBPFDBG_SID_ROOT:-/var/cache/pybpfdbg/sid}
packages=python3.14,python3.15
symbols="python3.14-dbg python3.15-dbg"
cannot=75

say() { printf 'sid-root: %s\n' "$*" >&2; }
unable() { say "$*"; exit $cannot; }

dev=0
case ${1-} in
'') ;;
--dev) dev=1 ;;
--path) echo "$root"; exit 0 ;;
--remove)
	case $root in /*/*) rm -rf --one-file-system "$root" "$root.lock" ;; esac
	exit 0 ;;
*) say "unknown argument $1 (--dev, --path, --remove)"; exit 2 ;;
esac

complete() {
	[ -e "$root/.complete" ] && [ -x "$root/usr/bin/python3.14" ] &&
		[ -x "$root/usr/bin/python3.15" ]
}

have_symbols() {
	[ -x "$root/usr/bin/python3.14d" ] && [ -x "$root/usr/bin/python3.15d" ]
}

# Debian's own archive among apt's sources: the entries that carry a suite of Debian with the
# component main, in both of apt's file formats. The security archive has no sid.
mirrors() {
	{
		for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
			[ -r "$f" ] || continue
			sed -n 's/#.*//; s/^[[:space:]]*deb[[:space:]]\+\(\[[^]]*\][[:space:]]*\)\?//p' "$f"
		done
		for f in /etc/apt/sources.list.d/*.sources; do
			[ -r "$f" ] || continue
			awk '
			function out(  n, i, m, j, u, s) {
				n = split(uris, u, /[ \t]+/); m = split(suites, s, /[ \t]+/)
				for (i = 1; i <= n; i++) for (j = 1; j <= m; j++)
					if (u[i] != "" && s[j] != "" && enabled != "no")
						print u[i], s[j], comps
				uris = suites = comps = enabled = ""
			}
			/^#/ { next }
			/^[ \t]*$/ { out(); next }
			tolower($1) == "uris:" { $1 = ""; uris = $0 }
			tolower($1) == "suites:" { $1 = ""; suites = $0 }
			tolower($1) == "components:" { $1 = ""; comps = $0 }
			tolower($1) == "enabled:" { enabled = tolower($2) }
			END { out() }' "$f"
		done
	} | awk '
		$2 ~ /-security$/ || $1 ~ /debian-security/ { next }
		$2 ~ /^(stable|testing|unstable|sid|oldstable|bookworm|trixie|forky)$/ {
			for (i = 3; i <= NF; i++) if ($i == "main" && !seen[$1]++) print $1
		}'
}

as_root() { [ "$(id -u)" = 0 ] || { say "must be run as root"; exit 1; }; }

if complete && { [ $dev = 0 ] || have_symbols; }; then
	echo "$root"
	exit 0
fi
as_root
case $root in /*/*) ;; *) say "PYBPFDBG_SID_ROOT must be an absolute path below a folder"; exit 2 ;; esac
[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || unable "only made on Debian amd64"
command -v debootstrap >/dev/null || unable "debootstrap is not installed (tools/install-deps.sh test)"
mkdir -p "$(dirname "$root")"

# Two runs at a time would tread on each other: the second waits and finds the work done.
exec 9>"$root.lock"
flock 9

if ! complete; then
	part=$root.partial
	trap 'rm -rf --one-file-system "$part"' EXIT
	trap 'exit 130' INT TERM
	for mirror in $(mirrors); do
		rm -rf --one-file-system "$part"
		say "making $root (Debian sid, about 350 MB, a minute)"
		log=$(mktemp)
		if debootstrap --variant=minbase --include="$packages" sid "$part" "$mirror" \
			>"$log" 2>&1 9>&-; then
			rm -f "$log"
			umount -q "$part/proc" "$part/sys" 2>/dev/null || true
			rm -rf "$part"/var/cache/apt/archives/*.deb "$root"
			touch "$part/.complete"
			mv "$part" "$root"
			break
		fi
		say "debootstrap failed:"
		tail -n 5 "$log" >&2
		[ -e "$part/debootstrap/debootstrap.log" ] &&
			tail -n 5 "$part/debootstrap/debootstrap.log" >&2
		rm -f "$log"
		umount -q "$part/proc" "$part/sys" 2>/dev/null || true
	done
	complete || unable "no Debian sid could be had from apt's archive"
fi

if [ $dev = 1 ] && ! have_symbols; then
	# Unpacked, not installed: what they depend on (headers, gdb) is not wanted.
	say "adding debug builds and debug information"
	cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
	# A mirror may lag behind: debootstrap does not look at the date of a Release file either.
	chroot "$root" /bin/sh -ec "
		apt-get -qq -o Acquire::Check-Valid-Until=false update
		cd /tmp && apt-get -qq download $symbols
		for f in python3.1*-dbg_*.deb; do dpkg-deb -x \"\$f\" /; rm \"\$f\"; done
	" >&2 9>&- || unable "debug builds could not be had"
fi
echo "$root"

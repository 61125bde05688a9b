#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
#   tools/install-deps.sh [build] [demo] [test] [bench]
#
# Installs the Debian packages that are missing for each named purpose (build by default); does nothing
# where all are there. Uses sudo when not run as root. Why each one: docs/DEPENDENCIES.md.
#   -n   only print what is missing
set -euo pipefail

build="make gcc libc6-dev clang llvm bpftool pkg-config libbpf-dev libelf-dev libdw-dev zlib1g-dev
	libjansson-dev libedit-dev libgmp-dev libzydis-dev uthash-dev"
demo="python3"
test="python3 python3-dbg libcunit1-dev debootstrap clang-format gunicorn python3-gevent bpfcc-tools linux-headers-amd64"
bench="python3 python3-debugpy gnuplot-nox gdb"

# The client that DAP adapters are tested with is an npm package; any Node.js will do.
command -v node >/dev/null && command -v npm >/dev/null || test="$test nodejs npm"

say() { printf 'install-deps: %s\n' "$*" >&2; }

dry=0
if [ "${1-}" = -n ]; then
	dry=1
	shift
fi
wanted=
for purpose in "${@:-build}"; do
	case $purpose in
	build | demo | test | bench) wanted="$wanted ${!purpose}" ;;
	*) say "unknown purpose $purpose (build, demo, test, bench)"; exit 2 ;;
	esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	say "no dpkg and apt-get here: install what corresponds to these Debian packages:" $wanted
	exit 0
fi

missing=
for p in $(printf '%s\n' $wanted | sort -u); do
	# A package may be there under a name that provides this one (pkgconf for pkg-config).
	dpkg-query -W -f '${db:Status-Abbrev}\n' "$p" 2>/dev/null | grep -q '^.i' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ $dry = 1 ]; then
	echo $missing
	exit 0
fi

sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { say "not root, and no sudo here; missing:$missing"; exit 1; }
	sudo="sudo"
fi
apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300"

known() {
	for p in $missing; do
		apt-cache policy "$p" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
	done
}

say "installing$missing"
updated=0
if ! known; then
	$apt update
	updated=1
fi
# Package lists may name versions that the archive has replaced since: once more with fresh ones.
if ! $apt install --no-install-recommends $missing >/dev/null; then
	[ $updated = 0 ] || { say "apt-get could not install:$missing"; exit 1; }
	$apt update
	$apt install --no-install-recommends $missing >/dev/null || { say "apt-get could not install:$missing"; exit 1; }
fi

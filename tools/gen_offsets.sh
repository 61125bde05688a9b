#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Write probes/cpython/offsets_gen.h anew from the debug information of the interpreters on this
# machine; the block of a version that is not here is kept as it is.
#	tools/gen_offsets.sh            write the file
#	tools/gen_offsets.sh --print    print it
#	tools/gen_offsets.sh --of MINOR FILE...    print the block of one version, from these files
set -eu
cd "$(dirname "$0")/.."
out=probes/cpython/offsets_gen.h
pyenv=${PYENV_ROOT:-$HOME/.pyenv}/versions
sid=${PYBPFDBG_SID_ROOT:-/var/cache/pybpfdbg/sid}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

${CC:-gcc} -O1 -D_GNU_SOURCE -I. -o "$tmp/gen" tools/gen_offsets.c -ldw -lelf

if [ "${1:-}" = --of ]; then
	shift
	"$tmp/gen" "$@"
	exit
fi

# Files with DWARF of 3.$1, one a line; nothing when there are none.
sources() {
	for lib in "$pyenv"/3."$1".*/lib/libpython3."$1"*.so.1.0; do
		[ -e "$lib" ] || continue
		echo "$lib"
		for ext in "${lib%/*}/python3.$1/lib-dynload"/_datetime.*.so \
			"${lib%/*}/python3.$1/lib-dynload"/_collections.*.so \
			"${lib%/*}/python3.$1/lib-dynload"/_asyncio.*.so; do
			[ ! -e "$ext" ] || echo "$ext"
		done
		return
	done
	for file in "$sid/usr/bin/python3.$1" \
		"$sid/usr/lib/python3.$1/lib-dynload"/_asyncio.cpython-3"$1"-*.so; do
		[ -e "$file" ] || continue
		id=$(readelf -n "$file" | sed -n 's/.*Build ID: //p')
		dbg=$sid/usr/lib/debug/.build-id/$(echo "$id" | cut -c1-2)/$(echo "$id" | cut -c3-).debug
		[ ! -e "$dbg" ] || echo "$dbg"
	done
}

{
	cat <<-EOF
	/* SPDX-License-Identifier: BSD-2-Clause */
	/* Written by tools/gen_offsets.sh from debug information; do not edit. */
	#ifndef PYBPFDBG_CPYTHON_OFFSETS_GEN_H
	#define PYBPFDBG_CPYTHON_OFFSETS_GEN_H

	static const struct py_offsets offsets_gen[] = {
	EOF
	for minor in 6 7 8 9 10 11 12 13 14 15; do
		files=$(sources $minor)
		if [ -n "$files" ]; then
			# shellcheck disable=SC2086
			"$tmp/gen" $minor $files
		else
			echo "3.$minor: no interpreter with debug information here, kept as it was" >&2
			sed -n "\,^.{ /\\* 3\\.$minor \\*/,,\,/\\* end 3\\.$minor \\*/,p" $out
		fi
	done
	printf '};\n\n#endif\n'
} > "$tmp/out"
if [ "${1:-}" = --print ]; then
	cat "$tmp/out"
else
	cp "$tmp/out" $out
fi

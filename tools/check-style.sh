#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What a machine can check of docs/CONTRIBUTING.md: the licence on line 1 (2 after #!), no blanks at line ends, no
# leftover notes to oneself, no over-long lines in C, and code as .clang-format has it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

bad=0
offence() {
	echo "$*"
	bad=1
}

if [ -e .git ] && command -v git >/dev/null; then
	# A checkout owned by another user (sudo) is fine to list.
	mapfile -t files < <(git -c safe.directory='*' ls-files -co --exclude-standard)
else
	mapfile -t files < <(find . -path ./build -prune -o -type f -printf '%P\n')
fi
[ ${#files[@]} -gt 10 ] || offence "only ${#files[@]} files were found: this check is broken"

texts=() code=()
for f in "${files[@]}"; do
	[ -f "$f" ] || continue
	case $f in
	*.c | *.h | *.py | *.sh | Makefile | tests/run | demo | check | .ci/run)
		head -n 2 "$f" | grep -q 'SPDX-License-Identifier: ' || offence "$f: no SPDX line at its top" ;;
	*) continue ;;
	esac
	case $f in
	bpf/*.c | bpf/*.h)
		head -n 1 "$f" | grep -q 'GPL' || offence "$f: BPF files are 'GPL-2.0-only OR BSD-2-Clause'" ;;
	*.c)
		head -n 1 "$f" | grep -q '^// SPDX' || offence "$f: the SPDX line is a // comment in .c files" ;;
	*.h)
		head -n 1 "$f" | grep -q '^/\* SPDX' || offence "$f: the SPDX line is a /* comment in .h files" ;;
	esac
	[ "$f" = tools/check-style.sh ] || texts+=("$f")
	case $f in
	*.c | *.h) code+=("$f") ;;
	esac
done

# Many files a command: to start one for each takes longer than all the reading.
grep -nHE -m 5 '[[:blank:]]+$' "${texts[@]}" | sed 's|^\([^:]*:[0-9]*\):.*|\1: blanks at the end|' | grep . && bad=1
grep -nHwE -m 5 'TODO|FIXME|XXX' "${texts[@]}" && bad=1

# Tables that a tool wrote are left alone.
mapfile -t code < <(grep -L 'DO NOT EDIT\|[Gg]enerated by' "${code[@]}")
[ ${#code[@]} -gt 10 ] || offence "only ${#code[@]} files of C were found: this check is broken"
awk '
	FNR == 1 { n = 0 }
	{ while ((i = index($0, "\t")) > 0) $0 = substr($0, 1, i - 1) substr("        ", 1, 8 - (i - 1) % 8) substr($0, i + 1) }
	length > 140 && n++ < 5 { print FILENAME ":" FNR ": " length " columns" }' "${code[@]}" | grep . && bad=1

# Headers keep their hand-set tables of fields; code is as .clang-format has it.
if command -v clang-format >/dev/null; then
	mapfile -t code < <(printf '%s\n' "${code[@]}" | grep '\.c$')
	said=$(clang-format --dry-run -Werror "${code[@]}" 2>&1) || {
		bad=1
		printf '%s\n' "$said" | sed -n 's|^\([^:]*\):[0-9]*:[0-9]*: error: .*|\1: not as clang-format has it|p' | sort -u
	}
fi
exit $bad

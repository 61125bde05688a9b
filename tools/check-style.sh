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
	case $f in tools/check-style.sh) continue ;; esac
	grep -nE '[[:blank:]]+$' "$f" | sed "s|^\([0-9]*\):.*|$f:\1: blanks at the end|" | head -n 5 | grep . && bad=1
	grep -nwE 'TODO|FIXME|XXX' "$f" | sed "s|^|$f:|" | head -n 5 | grep . && bad=1
	case $f in
	*.c | *.h)
		# Tables that a tool wrote are left alone.
		grep -q 'DO NOT EDIT\|[Gg]enerated by' "$f" && continue
		expand -t 8 "$f" | awk -v f="$f" 'length > 140 && n++ < 5 { print f ":" NR ": " length " columns" }' |
			grep . && bad=1 ;;
	esac
done

# Headers keep their hand-set tables of fields; code is as .clang-format has it.
if command -v clang-format >/dev/null; then
	for f in "${files[@]}"; do
		case $f in *.c) ;; *) continue ;; esac
		[ -f "$f" ] && ! grep -q 'DO NOT EDIT\|[Gg]enerated by' "$f" || continue
		clang-format --dry-run -Werror "$f" 2>/dev/null || offence "$f: not as clang-format has it"
	done
fi
exit $bad

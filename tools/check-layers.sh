#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Includes point down only (docs/ARCHITECTURE.md): no module knows one above it or beside it. Also: what a
# layer must not call. Prints each offence as FILE:LINE; exit status 1 if there is one.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

# layer: what it may include besides itself
declare -A below=(
	[main]="cli dap base"
	[cli]="engine trace target probes base abi"
	[dap]="engine trace target probes base abi"
	[engine]="trace target probes base abi"
	[trace]="base abi skel"
	[target]="base"
	[probes]="base abi"
	[base]=""
	[bpf]="abi"
	[abi]=""
)

layer_of() {
	case $1 in
	userspace/pybpfdbg.c) echo main ;;
	userspace/*/*) l=${1#userspace/}; echo "${l%%/*}" ;;
	probes/*) echo probes ;;
	bpf/abi.h | bpf/*_abi.h) echo abi ;;
	bpf/*) echo bpf ;;
	*.skel.h) echo skel ;;
	*) echo "" ;;
	esac
}

bad=0
offence() {
	echo "$*"
	bad=1
}

seen=0
while IFS=: read -r file line text; do
	seen=$((seen + 1))
	inc=${text#*\"}
	inc=${inc%%\"*}
	if [ -e "$(dirname "$file")/$inc" ]; then
		path=$(realpath --relative-to=. "$(dirname "$file")/$inc")
	elif [ -e "userspace/$inc" ]; then
		path=userspace/$inc
	else
		path=$inc
	fi
	from=$(layer_of "$file")
	to=$(layer_of "$path")
	[ -n "$from" ] && [ -n "${below[$from]+x}" ] || { offence "$file: no layer is known for it"; continue; }
	[ "$from" = "$to" ] && continue
	case " ${below[$from]} " in
	*" $to "*) [ -n "$to" ] && continue ;;
	esac
	offence "$file:$line: $from must not include $inc (${to:-not of this project})"
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' --include='*.c' --include='*.h' userspace probes bpf)
[ $seen -gt 0 ] || offence "no include line was found: this check is broken"

# forbid WHY REGEX PATH...
forbid() {
	local why=$1 what=$2 hit
	shift 2
	while IFS= read -r hit; do
		offence "${hit%%:*}:$(cut -d: -f2 <<<"$hit"): $why"
	done < <(grep -rnE "$what" --include='*.c' --include='*.h' "$@" 2>/dev/null |
		grep -vE '^[^:]*:[0-9]*:[[:space:]]*(/?\*|//)' || true)
}
libs() {
	local d
	for d in userspace/*/ probes/; do
		case $d in userspace/cli/ | userspace/dap/) ;; *) echo "$d" ;; esac
	done
}
forbid "only trace/ speaks to libbpf" '#[[:space:]]*include[[:space:]]*<bpf/' $(libs | grep -v trace) userspace/cli
forbid "only target/ uses ptrace" '#[[:space:]]*include[[:space:]]*<sys/ptrace.h>' $(libs | grep -v target) userspace/cli
forbid "libraries return, front ends print" '(^|[^a-z_>.])(v?f?printf|f?puts|putchar|perror)[[:space:]]*\(' \
	$(libs | grep -v base)
forbid "no exit() below main" '(^|[^a-z_>.])exit[[:space:]]*\(' userspace probes

exit $bad

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# pybpfdbg at work on a program that is running: finds the bug of tools/demo/shop.py, lets the shop go on, and
# tells from the shop's own figures what that cost it. ./demo installs and builds what this needs.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

python=${PYTHON:-/usr/bin/python3}
[ -x ./pybpfdbg ] || { echo "demo: ./pybpfdbg is not built (make)" >&2; exit 1; }
[ -x "$python" ] || { echo "demo: no $python (set PYTHON)" >&2; exit 1; }
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "demo: to attach it must be run as root" >&2; exit 1; }
	sudo=sudo
fi

dir=$(mktemp -d)
shop=
cleanup() {
	[ -z "$shop" ] || { kill "$shop" 2>/dev/null && wait "$shop" 2>/dev/null; } || true
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

title() { printf '\n== %s\n' "$*"; }
show() {
	local a line='$'
	for a in "$@"; do
		case $a in *[\ \']*) line="$line \"$a\"" ;; *) line="$line $a" ;; esac
	done
	printf '%s\n' "$line"
	"$@"
}

# The shop's clock now: the last whole line of its status.
now() { tail -n 2 "$dir/status" | head -n 1 | cut -d' ' -f1; }
# Wait until its clock has passed TIME.
wait_until() {
	local deadline=$((SECONDS + 60))
	until awk -v t="$1" -v n="$(now)" 'BEGIN { exit !(n >= t) }'; do
		kill -0 "$shop" 2>/dev/null || { echo "demo: the shop has ended" >&2; exit 1; }
		[ $SECONDS -lt $deadline ] || { echo "demo: the shop does not go on" >&2; exit 1; }
		sleep 0.1
	done
}
after() { awk -v t="$1" -v d="$2" 'BEGIN { printf "%.6f", t + d }'; }
# Between two times of its clock: orders a second, orders a second of CPU time (which other work on the machine disturbs
# less), its longest stand-still in ms.
between() { awk -v a="$1" -v b="$2" '$1 >= a && $1 <= b { if (!n++) { t = $1; o = $2; c = $5 } u = $1; p = $2; d = $5 }
	END { printf "%.0f %.0f", (n > 1 ? (p - o) / (u - t) : 0), (d > c ? (p - o) / (d - c) : 0) }' "$dir/status"; }
gap() { awk -v a="$1" -v b="$2" '$1 >= a && $1 <= b && $4 > m { m = $4 } END { printf "%.0f", m }' "$dir/status"; }
grouped() { sed ':a;s/\B[0-9]\{3\}\>/,&/;ta' <<<"$1"; }

title "A shop is open: three threads process orders. Its owner says the till pays customers now and then."
"$python" tools/demo/shop.py --status "$dir/status" &
shop=$!
until [ -s "$dir/status" ] && [ "$(wc -l <"$dir/status")" -gt 4 ]; do
	kill -0 "$shop" 2>/dev/null || { echo "demo: the shop did not open" >&2; exit 1; }
	sleep 0.05
done
echo "pid $shop: $("$python" -V), $(find "/proc/$shop/task" -mindepth 1 -maxdepth 1 | wc -l) threads"
wait_until "$(after "$(now)" 1)"

t=$(now)
wait_until "$(after "$t" 3)"
read -r before before_cpu <<<"$(between "$t" "$(now)")"
gap_before=$(gap "$t" "$(now)")
echo "it processes $(grouped "$before") orders a second"

line=$(grep -n 'the shop pays the customer' tools/demo/shop.py | cut -d: -f1)
title "Does line $line really run? Count it, without stopping anything."
sed -n "$((line - 1)),${line}s/^/    /p" tools/demo/shop.py
start=$(now)
show $sudo ./pybpfdbg count "$shop" "shop.py:$line" --for 5 &
counter=$!
wait_until "$(after "$start" 1)"
t=$(now)
wait_until "$(after "$t" 3)"
read -r armed armed_cpu <<<"$(between "$t" "$(now)")"
wait "$counter"

title "Attach, stop there, look, go on."
start=$(now)
show $sudo ./pybpfdbg attach "$shop" \
	-c "break shop.py:$line" \
	-c "continue" \
	-c "where" \
	-c "locals" \
	-c "p total, voucher.worth, order.customer, voucher.owner" \
	-c "p order.vouchers is Order.vouchers" \
	-c "detach"
wait_until "$(after "$(now)" 0.2)"
gap_stop=$(gap "$start" "$(now)")

cat <<'END'

The voucher belongs to another customer: `vouchers` is one list of the class, shared by all orders, so while one
worker waits for the bank, the others charge with its customer's voucher. (The cure: self.vouchers = [] in __init__.)
END

t=$(now)
wait_until "$(after "$t" 3)"
read -r after after_cpu <<<"$(between "$t" "$(now)")"
kill -0 "$shop"

title "What it cost the shop, by its own figures"
row() { printf '%-36s %14s %24s\n' "$1" "$(grouped "$2")" "$(grouped "$3")"; }
printf '%-36s %14s %24s\n' "" "orders/s" "orders/s of CPU time"
row "before" "$before" "$before_cpu"
row "line $line armed and counted" "$armed" "$armed_cpu"
row "after" "$after" "$after_cpu"
# The machine's own pace changes meanwhile, so the two measurements without a debugger stand for it together.
awk -v a="$before_cpu" -v b="$after_cpu" -v x="$armed_cpu" \
	'BEGIN { printf "armed: %.2fx of before and after, by CPU time\n", (a + b ? 2 * x / (a + b) : 0) }'
echo "stood still at most: $gap_stop ms, with the stop in it ($gap_before ms without a debugger)"
echo "The shop is still open; it is closed now because the demo ends."

// SPDX-License-Identifier: BSD-2-Clause
// The Python processes of this machine, as far as /proc shows them to this user.
'use strict';

function isPython(fs, pid, argv) {
	let exe = '';
	try {
		exe = fs.readlinkSync(`/proc/${pid}/exe`);
	} catch { /* another user's: its arguments have to do */ }
	const names = [exe, argv[0] || ''].map(p => p.replace(/ \(deleted\)$/, '').split('/').pop());
	if (names.some(n => /^python[0-9.]*d?$/.test(n)))
		return true;
	try { // a program that embeds Python
		return /\/libpython3[^/]*\.so/.test(fs.readFileSync(`/proc/${pid}/maps`, 'latin1'));
	} catch {
		return false;
	}
}

// [{pid, name, command}], the youngest first
exports.pythons = fs => {
	const found = [];
	for (const entry of fs.readdirSync('/proc')) {
		if (!/^[0-9]+$/.test(entry))
			continue;
		try {
			const argv = fs.readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').slice(0, -1);
			const name = fs.readFileSync(`/proc/${entry}/comm`, 'utf8').trim();
			if (argv.length && isPython(fs, entry, argv))
				found.push({ pid: Number(entry), name, command: argv.join(' ').slice(0, 300) });
		} catch { /* it has ended meanwhile */ }
	}
	return found.sort((a, b) => b.pid - a.pid);
};

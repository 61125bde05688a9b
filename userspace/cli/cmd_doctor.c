// SPDX-License-Identifier: BSD-2-Clause
/* doctor: what this kernel, these rights and that process allow. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/parse.h"
#include "cli/program.h"
#include "engine/session.h"
#include "probes/probe.h"
#include "target/target.h"
#include "target/where.h"
#include "trace/trace.h"

#define CAP_SYS_PTRACE 19
#define CAP_SYS_ADMIN  21
#define CAP_PERFMON    38
#define CAP_BPF	       39

static void report(struct out *o, bool ok, const char *what, const char *why)
{
	out_add(o, ok ? OUT_GREEN : OUT_RED, "%-4s", ok ? "ok" : "NO");
	out_add(o, OUT_PLAIN, "%s%s%s", what, *why ? ": " : "", why);
	out_end(o);
}

/* The first number of a small file in /proc; fallback when there is none. */
static long proc_number(const char *path, long fallback)
{
	FILE *f = fopen(path, "re");
	long n = fallback;

	if (!f)
		return fallback;
	if (fscanf(f, "%ld", &n) != 1)
		n = fallback;
	fclose(f);
	return n;
}

static unsigned long long effective_caps(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	char line[256];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	fclose(f);
	return caps;
}

static bool has_cap(unsigned long long caps, int cap)
{
	return caps >> cap & 1;
}

static bool check_rights(struct out *o)
{
	unsigned long long caps = effective_caps();
	bool admin = has_cap(caps, CAP_SYS_ADMIN);
	bool bpf = admin || has_cap(caps, CAP_BPF), perf = admin || has_cap(caps, CAP_PERFMON);
	bool ptrace = has_cap(caps, CAP_SYS_PTRACE);

	report(o, bpf && perf, "rights to load BPF and to watch",
	       bpf && perf ? "" : "run it as root, or give it CAP_BPF and CAP_PERFMON");
	report(o, ptrace, "rights to read and stop any process",
	       ptrace ? ""
		      : "run it as root, or give it CAP_SYS_PTRACE; without, only your own "
			"processes at best");
	out_line(o, "    perf_event_paranoid %ld, ptrace_scope %ld",
		 proc_number("/proc/sys/kernel/perf_event_paranoid", -1),
		 proc_number("/proc/sys/kernel/yama/ptrace_scope", 0));
	return bpf && perf && ptrace;
}

/* It works without, a little slower. */
static void print_reads(struct out *o, int r)
{
	if (!r) {
		report(o, true, "conditions read memory through the page tables", "");
		return;
	}
	out_line(o, "    conditions read memory by bpf_probe_read_user(), which is slower: %s",
		 r == -ECANCELED ? "PYBPFDBG_PAGE_TABLES=no"
		 : r == -EACCES	 ? "/proc/iomem is hidden"
		 : r == -ENOENT	 ? "the kernel does not tell where it maps memory"
		 : r == -EOPNOTSUPP
			 ? "this kernel does not let BPF look at its memory (Linux 6.2 does)"
		 : r == -EBADMSG ? "its page tables are not the processor's (encrypted memory?)"
				 : strerror(-r));
}

static bool check_kernel(struct out *o)
{
	struct trace_features f = { 0 };
	struct utsname u;
	bool all = true;
	char text[64];
	bool asked;
	int r;

	if (!uname(&u))
		out_line(o, "    kernel %s, %s", u.release, u.machine);
	r = trace_probe_features(&f);
	if (r < 0) {
		report(o, false, "probing the kernel", strerror(-r));
		return false;
	}
	const struct {
		const char *what;
		int r;
		bool need;
	} list[] = {
		{ "BPF programs load", f.bpf_load, true },
		{ "BPF ring buffer", f.ringbuf, true },
		{ "BPF can signal a thread", f.send_signal, true },
		{ "hardware watchpoints", f.watchpoint, true },
		{ "watching on every CPU (--scope cpu)", f.perf_cpu_wide, false },
		{ "watching thread by thread (--scope task)", f.perf_task, false },
	};
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		report(o, !list[i].r, list[i].what,
		       list[i].r == -ENOSPC ? "all are in use"
		       : list[i].r	    ? strerror(-list[i].r)
					    : "");
		all &= !list[i].r || !list[i].need;
	}
	print_reads(o, f.page_tables);
	asked = !f.perf_cpu_wide || f.slots_free;
	if (asked)
		snprintf(text, sizeof(text), "%u of %d watch slots free", f.slots_free,
			 TRACE_SLOTS);
	report(o, f.slots_free > 0, asked ? text : "free watch slots",
	       f.slots_free ? ""
	       : asked	    ? "other debuggers on this machine hold them"
			    : strerror(-f.perf_cpu_wide));
	return all && f.slots_free > 0 && (!f.perf_cpu_wide || !f.perf_task);
}

/* Is it a container, and which Linux is in it? */
static void print_where(struct out *o, const struct target *t)
{
	_cleanup_strbuf_ struct strbuf own = STRBUF_INIT;
	struct where w;

	if (where_of(t, &w))
		return;
	for (unsigned i = 0; i < WHERE_NAMESPACES; i++)
		if (w.own[i])
			strbuf_addf(&own, "%s%s", *strbuf_str(&own) ? ", " : "", where_name(i));
	if (*strbuf_str(&own))
		out_line(o, "    namespaces of its own: %s", strbuf_str(&own));
	if (w.inner && w.inner != target_pid(t))
		out_line(o, "    pid %d is %d in there", target_pid(t), w.inner);
	if (w.chroot)
		out_line(o, "    root of its own: /proc/%d/root%s%s%s", target_pid(t),
			 strcmp(w.root, "/") ? " (" : "", strcmp(w.root, "/") ? w.root : "",
			 strcmp(w.root, "/") ? ")" : "");
	if (w.libc)
		out_line(o, "    C library %s%s%s", w.libc, w.version[0] ? ", glibc " : "",
			 w.version);
	else
		out_line(o, "    no C library is mapped: it is in the executable");
	where_deinit(&w);
}

static bool check_target(struct out *o, pid_t pid)
{
	struct session_options so = { 0 };
	const struct interp_info *info;
	struct session *s = NULL;
	struct err err = { 0 };
	struct interp *in;
	char text[128];

	if (session_attach(pid, &so, &err, &s)) {
		report(o, false, err.text, "");
		return false;
	}
	in = session_interp(s);
	info = in->ops->info(in);
	snprintf(text, sizeof(text), "pid %d: %s %s%s, supported", pid, info->kind, info->version,
		 info->debug ? " (debug build)" : "");
	report(o, true, text, "");
	out_line(o, "    executable %s", target_exe(session_target(s)));
	print_where(o, session_target(s));
	session_free(s);
	return true;
}

int program_doctor(const struct program *p, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = { 0 };
	struct out out;
	pid_t pid = 0;
	bool ok;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", longopts, NULL)) != -1)
		return c == 'h' ? program_help(p) : program_bad_option(p, argv, c);
	if (optind + 1 < argc)
		return program_usage(p, "one process id is enough");
	if (optind < argc && parse_pid(argv[optind], &err, &pid))
		return program_usage(p, "%s", err.text);
	out_init(&out, false, OUT_COLOR_AUTO);
	ok = check_rights(&out);
	ok &= check_kernel(&out);
	if (pid)
		ok &= check_target(&out, pid);
	out_deinit(&out);
	return ok ? CLI_DONE : CLI_FAILED;
}

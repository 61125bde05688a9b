// SPDX-License-Identifier: BSD-2-Clause
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/escape.h"
#include "base/strbuf.h"
#include "cli/parse.h"
#include "cli/program.h"
#include "engine/session.h"
#include "target/target.h"
#include "target/where.h"

#define OPTION_JSON "  --json              one JSON object a line on standard output\n"
#define OPTION_SCOPE \
	"  --scope cpu|task|auto  watch on every CPU, or thread by thread (default auto)\n"
#define OPTION_ENGINE                                                                        \
	"  --engine watch|uprobe  watch: lines, four at a time, free while they do not run " \
	"(default); "                                                                        \
	"uprobe:\n"                                                                          \
	"                      functions, without limit, a trap at every Python call\n"
#define OPTION_CHILDREN                                                                   \
	"  --children          in every Python process below it too, also in those that " \
	"come later\n"
#define OPTION_COLOR "  --color auto|always|never\n"

#define OPTION_CAPTURES(rate, record, items)                                       \
	"  --max-rate N        records a second (default " rate "; 0: no limit)\n" \
	"  --max-bytes N       bytes a second (default 16 MiB; 0: no limit)\n"     \
	"  --record-bytes N    of one record (default " record ")\n"               \
	"  --value-bytes N     of one str, bytes or int (default 512)\n"           \
	"  --items N           of one container (default " items ")\n"             \
	"  --depth N           containers in containers (default 3)\n"

static const struct program programs[] = {
	{ "attach", "[OPTIONS] PID", "debug a running Python process", program_attach,
	  "  -c COMMAND          run it, then the next; detach at the end (may be repeated)\n"
	  "  -x FILE             run the commands in FILE (- is standard input)\n"
	  "  --max-pause SECONDS a stop never lasts longer (default: none at a prompt, else "
	  "10)\n" OPTION_CHILDREN OPTION_JSON OPTION_SCOPE OPTION_ENGINE OPTION_COLOR },
	{ "dump", "[OPTIONS] PID", "print every thread's stack, then go on", program_dump,
	  "  --locals            with the local variables\n"
	  "  --tasks             with the tasks of asyncio's event loops\n"
	  "  --greenlets         with the greenlets (gevent) that have not ended\n"
	  "  --native            with the native (C) stack below each, as far as it can be "
	  "unwound\n"
	  "  --children          of every Python process below it, too\n" OPTION_JSON
		  OPTION_COLOR },
	{ "count", "[OPTIONS] PID LOCATION...",
	  "count how often lines run, without stopping anything", program_count,
	  PROGRAM_HITS_HELP
	  "  --watch EXPR        count the writes to that instead: [MODULE:]NAME, X.ATTR, X[KEY] "
	  "(may be\n"
	  "                      repeated); stops a thread for a moment where the storage moves\n"
	  "  --for SECONDS       end after that time (default 3600)\n"
	  "  --interval SECONDS  print the counts so far every so often\n" OPTION_CHILDREN
		  OPTION_JSON OPTION_SCOPE OPTION_ENGINE OPTION_COLOR },
	{ "run", "[OPTIONS] SCRIPT|-m MODULE [ARGS]",
	  "start a Python program, stopped before its first line", program_run,
	  "  --python PATH       the interpreter (default: python3)\n"
	  "  -c COMMAND          run it, then the next; the program is killed at the end (may be "
	  "repeated)\n"
	  "  -x FILE             run the commands in FILE (- is standard input)\n"
	  "  --max-pause SECONDS a stop never lasts longer (default: none at a prompt, else "
	  "10)\n" OPTION_JSON OPTION_SCOPE OPTION_ENGINE OPTION_COLOR },
	{ "log", "[OPTIONS] PID LOCATION|--watch EXPR TEXT",
	  "print a text with values each time a line runs, without stopping anything", program_log,
	  "  --watch EXPR        each time it is written, instead of LOCATION; in TEXT and --if "
	  "`old` and\n"
	  "                      `new` are names, and no others: '{old} -> {new}'\n"
	  "  TEXT is written as the inside of an f-string: 'charge {item.sku} {total:.2f}'\n"
	  "  --catch EXCEPTION   where an exception of that class is raised, instead of LOCATION;\n"
	  "                      {exc} is the exception\n"
	  "  --count N           end after that many hits (exit status 124 if --for comes first)\n"
	  "  --for SECONDS       end after that time (default 3600)\n" PROGRAM_HITS_HELP
		  OPTION_CAPTURES("20000", "8192", "100")
			  OPTION_CHILDREN OPTION_JSON OPTION_ENGINE OPTION_SCOPE OPTION_COLOR },
	{ "snap", "[OPTIONS] PID LOCATION",
	  "print the frames and locals when a line runs, without stopping anything", program_snap,
	  "  --count N           so many times (default 1; exit status 124 if --for comes first)\n"
	  "  --for SECONDS       end after that time (default 3600)\n"
	  "  --frames N          innermost frames (default 16)\n"
	  "  --catch EXCEPTION   where an exception of that class is raised, instead of LOCATION\n"
	  "  --deep              stop the thread meanwhile and read deeper\n"
	  "  --max-pause SECONDS --deep: never longer than that (default 10)\n" PROGRAM_HITS_HELP
		  OPTION_CAPTURES("1000", "49152", "50")
			  OPTION_CHILDREN OPTION_JSON OPTION_ENGINE OPTION_SCOPE OPTION_COLOR },
	{ "calls", "[OPTIONS] PID [PATTERN]",
	  "count every call by function, without stopping anything", program_calls,
	  "PATTERN chooses what is shown: a shell glob of the function's name or of its end after "
	  "a dot "
	  "(parse*),\n"
	  "FILE or MODULE and a glob (orders.py:*, json.decoder:JSONDecoder.*), or a file "
	  "(orders.py).\n"
	  "  --for SECONDS       end after that time (default 3600)\n" OPTION_CHILDREN OPTION_JSON
		  OPTION_COLOR },
	{ "latency", "[OPTIONS] PID FUNCTION",
	  "histogram of how long its calls take, without stopping anything", program_latency,
	  "  --for SECONDS       end after that time (default 3600)\n"
	  "  --engine auto|watch|uprobe  watch slots, or uprobes in the eval loop (default: what "
	  "fits)\n" OPTION_CHILDREN OPTION_JSON OPTION_SCOPE OPTION_COLOR },
	{ "doctor", "[PID]", "what this kernel, these rights and that process allow",
	  program_doctor, "" },
};
#define NPROGRAMS (sizeof(programs) / sizeof(programs[0]))

static void print_usage(FILE *to)
{
	fputs("usage: pybpfdbg COMMAND ...\n", to);
	for (size_t i = 0; i < NPROGRAMS; i++)
		fprintf(to, "  %-7s %-28s %s\n", programs[i].name, programs[i].args,
			programs[i].help);
	fputs("  dap     [--listen|--socket ...]      the Debug Adapter Protocol, for editors\n",
	      to);
	fputs("LOCATION is FILE:LINE, FUNCTION or MODULE:FUNCTION. `pybpfdbg COMMAND --help` says "
	      "more.\n",
	      to);
}

/* The words of a command line may have been pasted from anywhere. */
static void complain(const char *text)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	escape_text(&sb, text, strlen(text), 0);
	fprintf(stderr, "pybpfdbg: %s", strbuf_str(&sb));
}

int program_usage(const struct program *p, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	complain(text);
	fprintf(stderr, " (usage: pybpfdbg %s %s)\n", p->name, p->args);
	return CLI_USAGE;
}

int program_help(const struct program *p)
{
	printf("usage: pybpfdbg %s %s\n%s\n%s", p->name, p->args, p->help, p->options);
	return CLI_DONE;
}

int program_bad_option(const struct program *p, char **argv, int c)
{
	const char *arg = optind > 0 ? argv[optind - 1] : "";

	if (c == ':')
		return program_usage(p, "option %s needs an argument", arg);
	if (optopt && optopt < 128)
		return program_usage(p, "option -%c is not known", optopt);
	return program_usage(p, "option %s is not known%s", arg,
			     optopt ? ": it takes no argument" : "");
}

void program_pid(const struct target *t, char ret[static PROGRAM_PID])
{
	pid_t inner = where_inner(t);

	if (inner)
		snprintf(ret, PROGRAM_PID, "%d [%d]", target_pid(t), inner);
	else
		snprintf(ret, PROGRAM_PID, "%d", target_pid(t));
}

int program_children(const struct bp_spec *spec, struct err *err)
{
	if (spec->engine == BP_UPROBE)
		return err_set(err, -EINVAL,
			       "--children needs --engine watch: a uprobe is in the "
			       "memory of one process only");
	if (spec->exception)
		return err_set(err, -EINVAL,
			       "--children and --catch do not go together: a uprobe "
			       "is in the memory of one process only");
	if (spec->pending)
		return err_set(err, -EINVAL,
			       "--children and --pending do not go together: "
			       "processes that begin are looked at until they have "
			       "loaded it");
	if (spec->tid)
		return err_set(err, -EINVAL, "--children and --thread do not go together");
	if (spec->ignore || spec->every)
		return err_set(err, -EINVAL,
			       "--children does not go with --ignore and --every: "
			       "whose hits come first is not known");
	return 0;
}

int program_hits_option(int o, const char *text, struct err *err, struct bp_spec *ret)
{
	int64_t n;
	int r;

	switch (o) {
	case PROGRAM_IF:
		ret->condition = text;
		return 1;
	case PROGRAM_PENDING:
		ret->pending = true;
		return 1;
	case PROGRAM_THREAD:
		r = parse_number(text, "--thread", 1, INT32_MAX, err, &n);
		ret->tid = r ? 0 : (pid_t)n;
		return r ? r : 1;
	case PROGRAM_EVERY:
		r = parse_number(text, "--every", 1, INT64_MAX, err, &n);
		ret->every = r ? 0 : (uint64_t)n;
		return r ? r : 1;
	case PROGRAM_IGNORE:
		r = parse_number(text, "--ignore", 0, INT64_MAX, err, &n);
		ret->ignore = r ? 0 : (uint64_t)n;
		return r ? r : 1;
	default:
		return 0;
	}
}

int program_scope(const char *text, struct err *err, enum trace_scope *ret)
{
	static const struct {
		const char *name;
		enum trace_scope scope;
	} scopes[] = { { "auto", TRACE_SCOPE_AUTO },
		       { "cpu", TRACE_SCOPE_CPU },
		       { "task", TRACE_SCOPE_TASK } };

	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (strcmp(text, scopes[i].name))
			continue;
		*ret = scopes[i].scope;
		return 0;
	}
	return err_set(err, -EINVAL, "--scope is cpu, task or auto, not '%.40s'", text);
}

int program_engine(const char *text, struct err *err, bool *ret_uprobe)
{
	*ret_uprobe = !strcmp(text, "uprobe");
	return *ret_uprobe || !strcmp(text, "watch")
		       ? 0
		       : err_set(err, -EINVAL, "--engine is watch or uprobe, not '%.40s'", text);
}

int program_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, NULL);
	return fd;
}

/* A standard descriptor that is closed would be the next file that is opened: the target's memory,
 * say. What is opened the wrong way round fails as a closed one does. */
static void fill_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static const struct program *find_program(const char *name)
{
	for (size_t i = 0; i < NPROGRAMS; i++)
		if (!strcmp(name, programs[i].name))
			return &programs[i];
	return NULL;
}

int cli_main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct program *p;
	char text[160];
	bool help;

	/* A reader that went away (| head) is an error of write(2), not a signal: the target is let
	 * go in order. */
	signal(SIGPIPE, SIG_IGN);
	fill_standard_fds();
	if (!name) {
		print_usage(stderr);
		return CLI_USAGE;
	}
	help = !strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h");
	if (help && argc == 2) {
		print_usage(stdout);
		return CLI_DONE;
	}
	if (help)
		name = argv[2];
	p = find_program(name);
	if (p)
		return help ? program_help(p) : p->run(p, argc - 1, argv + 1);
	snprintf(text, sizeof(text), "'%.60s' is no command: `pybpfdbg help` lists them", name);
	complain(text);
	fputc('\n', stderr);
	return CLI_USAGE;
}

// SPDX-License-Identifier: BSD-2-Clause
#include "cli/follow.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/js.h"
#include "cli/lifetime.h"
#include "cli/parse.h"
#include "cli/program.h"
#include "engine/family.h"
#include "engine/session.h"

/* ---- options ---- */

int follow_option(struct follow *f, int o, const char *text, struct err *err)
{
	int r = 0;

	switch (o) {
	case FOLLOW_JSON:
		f->json = true;
		break;
	case FOLLOW_FOR:
		f->for_given = true;
		r = parse_seconds(text, "--for", err, &f->for_ms);
		break;
	case FOLLOW_COLOR:
		if (out_color_mode(text, &f->color))
			r = err_set(err, -EINVAL, "--color is auto, always or never, not '%.40s'",
				    text);
		break;
	default:
		return 0;
	}
	return r ? r : 1;
}

int follow_pid(struct follow *f, const struct program *p, int argc, char **argv)
{
	struct err err = { 0 };

	if (optind == argc)
		return program_usage(p, "a process id is missing");
	if (parse_pid(argv[optind], &err, &f->pid))
		return program_usage(p, "%s", err.text);
	if (!f->for_given && lifetime_default(&err, &f->for_ms))
		return program_usage(p, "%s", err.text);
	return 0;
}

/* ---- running ---- */

/* session_options.progress: Ctrl-C ends the work. */
static int progress(void *priv, const char *what, uint64_t done, uint64_t total)
{
	struct follow *f = priv;
	struct pollfd sig = { .fd = f->sigfd, .events = POLLIN };

	out_progress(f->out, what, done, total);
	return poll(&sig, 1, 0) > 0;
}

static void note(void *priv, const char *text)
{
	const struct follow *f = priv;

	out_note(f->out, "%s", text);
}

/* A process that begins is followed: a line of its own. */
static void bound(void *priv, pid_t pid, const struct bp *bp)
{
	const struct follow *f = priv;
	json_t *j = f->out->json ? js_bound(bp) : NULL;

	if (!j)
		return;
	json_object_set_new(j, "process", json_integer(pid));
	out_json(f->out, j);
}

static int family_events(struct follow *f, struct err *err)
{
	struct session_event ev = { .kind = SESSION_LOST };
	int r = family_take(f->family, err, &ev.lost);

	f->lost += ev.lost;
	f->ended = family_is_over(f->family);
	if (ev.lost && f->event)
		f->event(f, &ev);
	return r || !f->taken ? r : f->taken(f, err);
}

int follow_events(struct follow *f, struct err *err)
{
	struct session_event ev;
	int r;

	if (f->family)
		return family_events(f, err);
	do {
		memset(&ev, 0, sizeof(ev));
		r = session_next_event(f->s, 0, &ev);
		if (r < 0)
			return err_set(err, r, "pid %d: its events cannot be read: %s", f->pid,
				       strerror(-r));
		f->lost += ev.kind == SESSION_LOST ? ev.lost : 0;
		f->ended |= ev.kind == SESSION_EXITED || ev.kind == SESSION_EXEC;
		if (f->event)
			f->event(f, &ev);
	} while (ev.kind != SESSION_NONE && !f->ended);
	return 0;
}

/* Milliseconds until the earlier of two moments, -1 for never. */
static int time_left(uint64_t now, uint64_t end, uint64_t next)
{
	uint64_t until = end && next ? (end < next ? end : next) : end + next;

	if (!until)
		return -1;
	return until <= now ? 0 : until - now > INT32_MAX ? INT32_MAX : (int)(until - now);
}

/* The earlier of that and of when the family looks at a process again. */
static int time_left_of(struct follow *f, int left)
{
	int again = f->family ? family_timeout(f->family) : -1;

	return again < 0 ? left : left < 0 || again < left ? again : left;
}

int follow_wait(struct follow *f, struct err *err)
{
	uint64_t now = clock_ms(), end = f->for_ms ? now + f->for_ms : 0,
		 next = f->interval_ms ? now + f->interval_ms : 0;
	int r = 0;

	while (!f->ended && !f->done && !r) {
		struct pollfd fds[2] = { { .events = POLLIN },
					 { .fd = f->sigfd, .events = POLLIN } };

		fds[0].fd = f->family ? family_fd(f->family) : session_fd(f->s);
		if (poll(fds, 2, time_left_of(f, time_left(now, end, next))) < 0 && errno != EINTR)
			return err_set(err, -errno, "poll: %s", strerror(errno));
		r = follow_events(f, err);
		if (r || f->done || fds[1].revents)
			break;
		now = clock_ms();
		f->timeout = end && now >= end;
		if (f->timeout) {
			lifetime_is_over(f->out, f->for_ms);
			break;
		}
		if (next && now >= next && !f->ended) {
			r = f->tick(f, err);
			next = now + f->interval_ms;
		}
	}
	return r;
}

void follow_lifetime(const struct follow *f)
{
	if (!f->for_given)
		lifetime_will_end(f->out, f->for_ms);
}

void follow_tell_lost(struct out *out, uint64_t n, const char *what)
{
	if (!n)
		return;
	if (out->json)
		out_json(out, json_pack("{ss sI}", "event", "lost", "records", (json_int_t)n));
	else
		out_note(out, "%" PRIu64 " %s", n, what);
}

/* so or fo: the other is NULL. */
static int run(struct follow *f, const struct session_options *so, const struct family_options *fo,
	       int (*work)(struct follow *f, struct err *err))
{
	bool own_out = !f->out;
	struct err err = { 0 };
	struct out out;
	int r;

	if (own_out) {
		out_init(&out, f->json, f->color);
		f->out = &out;
	}
	f->sigfd = program_signals();
	if (f->sigfd < 0)
		r = err_set(&err, f->sigfd, "signalfd: %s", strerror(-f->sigfd));
	else if (fo)
		r = family_open(f->pid, fo, &err, &f->family);
	else
		r = session_attach(f->pid, so, &err, &f->s);
	if (!r)
		r = work(f, &err);
	f->ended &= !f->done;
	if (!r && f->ended)
		out_note(f->out, "pid %d%s ended", f->pid, fo ? " and all below it" : "");
	if (r < 0)
		out_error(f->out, err.text[0] ? err.text : strerror(-r));
	session_free(f->s);
	family_free(f->family);
	if (own_out)
		out_deinit(&out);
	if (f->sigfd >= 0)
		close(f->sigfd);
	return r < 0 ? CLI_FAILED : f->ended ? CLI_ENDED : CLI_DONE;
}

int follow_run(struct follow *f, const struct session_options *so,
	       int (*work)(struct follow *f, struct err *err))
{
	struct session_options opt = *so;

	opt.progress = progress;
	opt.priv = f;
	return run(f, &opt, NULL, work);
}

int follow_run_family(struct follow *f, const struct family_options *fo,
		      int (*work)(struct follow *f, struct err *err))
{
	struct family_options opt = *fo;

	opt.session.progress = progress;
	opt.bound = bound;
	opt.note = note;
	opt.priv = f;
	return run(f, NULL, &opt, work);
}

int follow_to_end(struct follow *f, void (*disarm)(struct session *s), struct err *err)
{
	bool ended;
	int r;

	/* A script may let its load loose. */
	follow_lifetime(f);
	r = out_check(f->out, err);
	if (!r)
		r = follow_wait(f, err);
	ended = f->ended;
	if (f->family)
		family_disarm(f->family);
	else
		disarm(f->s);
	if (!r && (!ended || f->family))
		r = follow_events(f, err);
	f->ended = ended;
	return r;
}

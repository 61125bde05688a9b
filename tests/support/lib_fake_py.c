// SPDX-License-Identifier: BSD-2-Clause
#include "lib_fake_py.h"

#include <asm/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/abi.h"

struct command {
	uint64_t op, n, addr;
};

struct fake_py {
	struct fake_memory *mem;
	pid_t pid;
	int to, from;
};

/* The linker gives us the ends of a section with a C name. */
extern const char __start_fake_eval[], __stop_fake_eval[];

__attribute__((noinline, section("fake_eval"))) static void eval_loop(struct fake_memory *m,
								      uint64_t n, uint64_t addr)
{
	for (uint64_t i = 0; i < n; i++) {
		uint8_t byte;

		m->after_read = 0;
		/* The store is the very next instruction: a stop after the read comes before it. */
		asm volatile("movb (%1), %0\n\tmovq $1, %2"
			     : "=&r"(byte), "+r"(addr), "+m"(m->after_read)
			     :
			     : "memory");
		m->reads++;
	}
}

__attribute__((noinline)) static void peek(uint64_t n, uint64_t addr)
{
	for (uint64_t i = 0; i < n; i++)
		(void)*(volatile uint8_t *)addr;
}

static uint64_t thread_pointer(void)
{
	uint64_t fs = 0;

	syscall(SYS_arch_prctl, ARCH_GET_FS, &fs);
	return fs;
}

struct job {
	struct fake_memory *m;
	struct command c;
	int depth;
};

static void *thread(void *arg)
{
	struct job *j = arg;
	pthread_t next;

	if (--j->depth > 0) {
		if (!pthread_create(&next, NULL, thread, j))
			pthread_detach(next);
		/* End before it reads: only it is left of those that came from an armed thread. */
		return NULL;
	}
	j->m->tstates[1].thread_id = thread_pointer();
	eval_loop(j->m, j->c.n, j->c.addr);
	__atomic_store_n(&j->depth, -1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &j->depth, 1 /* FUTEX_WAKE */, 1, NULL, NULL, 0);
	return NULL;
}

static void threads(struct fake_memory *m, const struct command *c, int depth)
{
	struct job j = { .m = m, .c = *c, .depth = depth };
	pthread_t t;
	int now;

	if (pthread_create(&t, NULL, thread, &j))
		_exit(3);
	pthread_join(t, NULL);
	while ((now = __atomic_load_n(&j.depth, __ATOMIC_ACQUIRE)) != -1)
		syscall(SYS_futex, &j.depth, 0 /* FUTEX_WAIT */, now, NULL, NULL, 0);
}

static void in_child(struct fake_memory *m, const struct command *c)
{
	pid_t pid = fork();

	if (!pid) {
		eval_loop(m, c->n, c->addr);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static volatile uint64_t caught;

static void on_signal(int sig)
{
	(void)sig;
	caught++;
}

static void with_signals(struct fake_memory *m, const struct command *c)
{
	signal(SIGURG, on_signal);
	eval_loop(m, c->n, c->addr);
	signal(SIGURG, SIG_DFL);
	m->reads += caught << 32;
}

static void store(const struct command *c)
{
	for (uint64_t i = 0; i < c->n; i++)
		*(volatile uint64_t *)(uintptr_t)c->addr = i;
}

static void serve(struct fake_memory *m, int in, int out)
{
	struct command c;

	m->tstates[0].thread_id = thread_pointer();
	do {
		cpu_set_t set;

		if (write(out, "", 1) != 1 || read(in, &c, sizeof(c)) != sizeof(c))
			return;
		switch ((enum fake_op)c.op) {
		case FAKE_READ:
			eval_loop(m, c.n, c.addr);
			break;
		case FAKE_PEEK:
			peek(c.n, c.addr);
			break;
		case FAKE_THREAD:
			threads(m, &c, 1);
			break;
		case FAKE_CHAIN:
			threads(m, &c, 4);
			break;
		case FAKE_FORK:
			in_child(m, &c);
			break;
		case FAKE_PIN:
			CPU_ZERO(&set);
			CPU_SET(c.n, &set);
			sched_setaffinity(0, sizeof(set), &set);
			break;
		case FAKE_WRITE:
			store(&c);
			break;
		case FAKE_SIGNALS:
			with_signals(m, &c);
			break;
		}
	} while (true);
}

static void lay_out(struct fake_memory *m)
{
	m->interp_head = (uintptr_t)&m->interps[0];
	m->interps[0].tstate_head = (uintptr_t)&m->tstates[0];
	m->tstates[0].next = (uintptr_t)&m->tstates[1];
	for (size_t i = 0; i < 4; i++) {
		m->tstates[i].interp = (uintptr_t)&m->interps[0];
		m->tstates[i].frame = (uintptr_t)&m->frames[i];
		m->frames[i].code = (uintptr_t)&m->codes[0];
		m->frames[i].prev = (uintptr_t)m->codes[0].bytecode - 2;
	}
}

struct fake_py *fake_py_new(void)
{
	struct fake_py *fp = calloc(1, sizeof(*fp));
	int to[2], from[2];

	if (!fp || pipe(to) || pipe(from))
		abort();
	fp->mem = mmap(NULL, sizeof(*fp->mem), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (fp->mem == MAP_FAILED)
		abort();
	lay_out(fp->mem);
	fp->pid = fork();
	if (!fp->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(to[1]);
		close(from[0]);
		serve(fp->mem, to[0], from[1]);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	fp->to = to[1];
	fp->from = from[0];
	if (fp->pid < 0 || !fake_py_wait(fp)) {
		fake_py_free(fp);
		return NULL;
	}
	return fp;
}

void fake_py_free(struct fake_py *fp)
{
	if (!fp)
		return;
	close(fp->to);
	close(fp->from);
	if (fp->pid > 0) {
		kill(fp->pid, SIGKILL);
		waitpid(fp->pid, NULL, __WALL);
	}
	munmap(fp->mem, sizeof(*fp->mem));
	free(fp);
}

struct fake_memory *fake_py_memory(struct fake_py *fp)
{
	return fp->mem;
}

pid_t fake_py_pid(const struct fake_py *fp)
{
	return fp->pid;
}

void fake_py_facts(const struct fake_py *fp, struct abi_py *ret)
{
	*ret = (struct abi_py){
		.size = sizeof(*ret),
		.frame_kind = ABI_FRAME_CURRENT,
		.prev_kind = ABI_PREV_FRAME,
		.interp_head = (uintptr_t)&fp->mem->interp_head,
		.interp_next = offsetof(struct fake_interp, next),
		.interp_tstate_head = offsetof(struct fake_interp, tstate_head),
		.tstate_next = offsetof(struct fake_tstate, next),
		.tstate_interp = offsetof(struct fake_tstate, interp),
		.tstate_thread_id = offsetof(struct fake_tstate, thread_id),
		.tstate_frame = offsetof(struct fake_tstate, frame),
		.cframe_current_frame = ABI_NONE,
		.frame_code = offsetof(struct fake_frame, code),
		.frame_prev = offsetof(struct fake_frame, prev),
		.frame_previous = offsetof(struct fake_frame, previous),
		.frame_owner = ABI_NONE,
		.code_bytecode = offsetof(struct fake_code, bytecode),
		.redispatch = 1,
		.eval_n = 1,
	};
	ret->eval[0].start = (uintptr_t)__start_fake_eval;
	ret->eval[0].end = (uintptr_t)__stop_fake_eval;
}

uint64_t fake_py_byte(const struct fake_py *fp, unsigned code, unsigned offset)
{
	return (uintptr_t)&fp->mem->codes[code].bytecode[offset + 1];
}

void fake_py_begin(struct fake_py *fp, enum fake_op op, uint64_t n, uint64_t addr)
{
	struct command c = { .op = op, .n = n, .addr = addr };

	if (write(fp->to, &c, sizeof(c)) != sizeof(c))
		return; /* fake_py_wait() will say so */
}

bool fake_py_wait(struct fake_py *fp)
{
	char c;

	return read(fp->from, &c, 1) == 1;
}

bool fake_py_do(struct fake_py *fp, enum fake_op op, uint64_t n, uint64_t addr)
{
	fake_py_begin(fp, op, n, addr);
	return fake_py_wait(fp);
}

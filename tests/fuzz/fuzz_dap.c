// SPDX-License-Identifier: BSD-2-Clause
/* What a client of the Debug Adapter Protocol may send: the framing, the JSON, every request before
 * `attach`. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "dap/dap.h"
#include "dap/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const char *text, size_t size)
{
	size_t head = 0, body = 0;
	struct err err = { 0 };

	if (wire_frame(text, size, &err, &head, &body))
		return;
	if (head > size || body > size - head)
		abort();
	json_decref(wire_parse(text + head, body, &err));
}

/* The whole server, for a client that sends this and goes. No token fits: nothing is ever attached
 * to. */
static void check_session(const uint8_t *data, size_t size)
{
	const struct dap_peer peer = { .token = "the fuzzer does not know this" };
	int fds[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (size > 100000 || null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		abort();
	if (write(fds[0], data, size) != (ssize_t)size)
		abort();
	close(fds[0]);
	(void)dap_serve(fds[1], null, &peer);
	close(fds[1]);
	close(null);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_frame((const char *)data, size);
	if (size <= 100000)
		check_session(data, size);
	return 0;
}

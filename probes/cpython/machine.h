/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine code of x86-64: what one instruction does, as far as placing a uprobe needs to know. Any bytes are safe. */
#ifndef PYBPFDBG_CPYTHON_MACHINE_H
#define PYBPFDBG_CPYTHON_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MACHINE_MAX 15 /* bytes of one instruction */

enum machine_flow {
	MACHINE_NEXT, /* goes on with the next (calls too) */
	MACHINE_COND, /* next or target */
	MACHINE_JUMP, /* target */
	MACHINE_END,  /* goes where its bytes do not say: an indirect jump, a return, a trap */
};

struct machine_instr {
	uint64_t at;
	uint64_t target; /* of COND and JUMP */
	uint8_t len;     /* bytes */
	uint8_t flow;    /* enum machine_flow */
	bool call;
	/*
	 * A uprobe on it is emulated by every kernel that has uprobes: one trap. All others are executed out of line, a second
	 * trap. (arch/x86/kernel/uprobes.c: branch_setup_xol_ops, push_setup_xol_ops)
	 */
	bool emulated;
	bool forbidden; /* the five-byte nop: newer kernels replace it by a call into a page that they map */
	uint16_t writes;     /* general registers, bit n: enum abi_reg n; a call's are those of the ABI */
	uint8_t store_base;  /* mov %store_value,store_offset(%store_base) of 8 bytes; else both ABI_REG_NONE */
	uint8_t store_value;
	int32_t store_offset;
};

/* The instruction that begins at data[0], of which len bytes are known, at address at. 0 or -EINVAL: none. */
int machine_decode(const uint8_t *data, size_t len, uint64_t at, struct machine_instr *ret);

#endif

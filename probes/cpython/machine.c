// SPDX-License-Identifier: BSD-2-Clause
#include "probes/cpython/machine.h"

#include <errno.h>

#include <Zydis/Zydis.h>

#include "bpf/abi.h"

/* rax, rcx, rdx, rsi, rdi, r8 to r11: what a function may change (System V ABI) */
#define CALL_CLOBBERS 0x0fc7u

/* enum abi_reg of a register of any width, ABI_REG_NONE for those that are not general. */
static uint8_t general(ZydisRegister reg)
{
	ZydisRegister full = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	if (full < ZYDIS_REGISTER_RAX || full > ZYDIS_REGISTER_R15)
		return ABI_REG_NONE;
	return (uint8_t)(full - ZYDIS_REGISTER_RAX);
}

static void take_operands(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
			  struct machine_instr *ret)
{
	int i;

	for (i = 0; i < in->operand_count; i++) {
		uint8_t reg = op[i].type == ZYDIS_OPERAND_TYPE_REGISTER ? general(op[i].reg.value)
									: ABI_REG_NONE;

		if (reg != ABI_REG_NONE && (op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			ret->writes |= (uint16_t)(1u << reg);
	}
	if (in->mnemonic != ZYDIS_MNEMONIC_MOV || in->operand_count_visible != 2 ||
	    op[0].type != ZYDIS_OPERAND_TYPE_MEMORY || op[0].size != 64 ||
	    op[0].mem.index != ZYDIS_REGISTER_NONE || op[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
		return;
	ret->store_base = general(op[0].mem.base);
	ret->store_value = general(op[1].reg.value);
	ret->store_offset = op[0].mem.disp.has_displacement ? (int32_t)op[0].mem.disp.value : 0;
}

static void take_flow(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
		      struct machine_instr *ret)
{
	bool relative = in->operand_count_visible && op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
			op[0].imm.is_relative;

	switch (in->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		ret->flow = relative ? MACHINE_COND : MACHINE_END;
		break;
	case ZYDIS_CATEGORY_UNCOND_BR:
		ret->flow = relative ? MACHINE_JUMP : MACHINE_END;
		break;
	case ZYDIS_CATEGORY_CALL:
		ret->call = true;
		ret->writes |= CALL_CLOBBERS;
		break;
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
		ret->flow = MACHINE_END;
		break;
	default:
		if (in->mnemonic == ZYDIS_MNEMONIC_UD0 || in->mnemonic == ZYDIS_MNEMONIC_UD1 ||
		    in->mnemonic == ZYDIS_MNEMONIC_UD2 || in->mnemonic == ZYDIS_MNEMONIC_HLT)
			ret->flow = MACHINE_END;
	}
	if (ret->flow == MACHINE_COND || ret->flow == MACHINE_JUMP)
		ret->target = ret->at + ret->len + (uint64_t)op[0].imm.value.s;
}

/*
 * By its bytes, as the kernel decides: relative jumps and calls without a 16-bit prefix, push of a
 * general register, the one-byte nop. jcxz and loop are conditional too, but not emulated.
 */
static bool is_emulated(const uint8_t *d, size_t len)
{
	if (d[0] >= 0x50 && d[0] <= 0x57)
		return len == 1;
	if (d[0] == 0x41 && d[1] >= 0x50 && d[1] <= 0x57)
		return len == 2;
	if (d[0] == 0x0f)
		return len == 6 && d[1] >= 0x80 && d[1] <= 0x8f;
	if (d[0] == 0x90)
		return len == 1;
	if (d[0] == 0xeb || (d[0] >= 0x70 && d[0] <= 0x7f))
		return len == 2;
	return (d[0] == 0xe8 || d[0] == 0xe9) && len == 5;
}

int machine_decode(const uint8_t *data, size_t len, uint64_t at, struct machine_instr *ret)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;

	if (ZYAN_FAILED(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
	    ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, data, len, &in, operands)))
		return -EINVAL;
	*ret = (struct machine_instr){
		.at = at,
		.len = in.length,
		.store_base = ABI_REG_NONE,
		.store_value = ABI_REG_NONE,
		.emulated = is_emulated(data, in.length),
		.forbidden = in.mnemonic == ZYDIS_MNEMONIC_NOP && in.length == 5,
	};
	take_operands(&in, operands, ret);
	take_flow(&in, operands, ret);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#ifdef __aarch64__

#include "primitives/primitive_arch.h"

#define DCZID_EL0_BS 0xfu /* log2 of the block size in 4-byte words */
#define DCZID_EL0_DZP (1u << 4) /* DC ZVA is prohibited */

static uint64_t dczid_el0(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, dczid_el0" : "=r"(value));
	return value;
}

static void dczva_zero(void *addr, size_t nbytes)
{
	size_t block_size = (size_t)4 << (dczid_el0() & DCZID_EL0_BS);

	for (char *block = addr, *end = block + nbytes; block < end; block += block_size)
		__asm__ volatile("dc zva, %0" : : "r"(block) : "memory");
}

static bool dczva_supported(void)
{
	return !(dczid_el0() & DCZID_EL0_DZP);
}

static const struct clearfw_primitive arm64[] = {
	PRIMITIVE(.name = "dczva", .instruction = "DC ZVA", .zero = dczva_zero, .supported = dczva_supported),
};

const struct clearfw_primitive *primitive_arch_at(int index)
{
	return index < PRIMITIVE_COUNT(arm64) ? &arm64[index] : NULL;
}

/*
 * As arch/arm64/lib/clear_page.S (7.3), short of two of its forms: with FEAT_MOPS it uses
 * SETP/SETM/SETE, and with DC ZVA prohibited STNP, where this says dczva and generic.
 */
const char *primitive_arch_kernel(void)
{
	return dczva_supported() ? "dczva" : "generic";
}

#endif

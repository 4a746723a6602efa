/* SPDX-License-Identifier: MIT */

#include "primitives/primitive.h"

#include "primitives/primitive_arch.h"

#define LINE_SIZE 64

static void memset_zero(void *addr, size_t nbytes)
{
	memset(addr, 0, nbytes);
}

/* volatile: otherwise the compiler recognises the loop and calls memset(). */
static void generic_zero(void *addr, size_t nbytes)
{
	typedef volatile uint64_t __attribute__((may_alias)) word;

	for (word *line = addr, *end = line + nbytes / sizeof(*line); line < end; line += 8) {
		line[0] = 0;
		line[1] = 0;
		line[2] = 0;
		line[3] = 0;
		line[4] = 0;
		line[5] = 0;
		line[6] = 0;
		line[7] = 0;
	}
}

static const struct clearfw_primitive portable[] = {
	PRIMITIVE(.name = "memset", .instruction = "libc memset()", .zero = memset_zero),
	PRIMITIVE(.name = "generic", .instruction = "64-bit stores from C", .zero = generic_zero),
};

const struct clearfw_primitive *primitive_at(int index)
{
	if (index < 0)
		return NULL;
	if (index < PRIMITIVE_COUNT(portable))
		return &portable[index];
	return primitive_arch_at(index - PRIMITIVE_COUNT(portable));
}

const struct clearfw_primitive *primitive_by_name(const char *name)
{
	const struct clearfw_primitive *primitive;

	if (!strcmp(name, "kernel"))
		name = primitive_arch_kernel();
	for (int i = 0; (primitive = primitive_at(i)); i++)
		if (!strcmp(primitive->name, name))
			return primitive;
	return NULL;
}

const struct clearfw_primitive *primitive_of(enum clearfw_instruction instruction)
{
	static const char *const names[CLEARFW_NR_INSTRUCTIONS] = {
		[CLEARFW_REP] = "kernel",
		[CLEARFW_NT] = "movnti",
		[CLEARFW_CLZERO] = "clzero",
	};
	const struct clearfw_primitive *primitive = primitive_by_name(names[instruction]);

	return primitive && primitive_is_supported(primitive) ? primitive : NULL;
}

bool primitive_cpu_has(unsigned int feature)
{
	return primitive_arch_cpu_has(feature);
}

static uint64_t repeated(uint8_t byte)
{
	return byte * (UINT64_MAX / UINT8_MAX);
}

void primitive_dirty(void *addr, size_t nbytes, uint8_t garbage)
{
	uint64_t word = repeated(garbage);
	uint8_t *start = addr;
	size_t offset = 0;

	for (; nbytes - offset >= sizeof(word); offset += sizeof(word))
		store_nontemporal(start + offset, word);
	memset(start + offset, garbage, nbytes - offset);
	store_fence();
}

/* Spelt in vectors, one branch a line: at -O2 a loop over words runs at two thirds of the speed. */
static bool line_differs(const uint8_t *line, uint64_t word)
{
	typedef uint64_t __attribute__((vector_size(16), aligned(1), may_alias)) vector;
	const vector *found = (const vector *)line;
	const vector wanted = { word, word };
	vector difference = (found[0] ^ wanted) | (found[1] ^ wanted) | (found[2] ^ wanted) | (found[3] ^ wanted);

	return difference[0] | difference[1];
}

bool primitive_is_filled(const void *addr, size_t nbytes, uint8_t byte, size_t *where)
{
	uint64_t word = repeated(byte);
	const uint8_t *start = addr;
	size_t offset = 0;

	while (nbytes - offset >= LINE_SIZE && !line_differs(start + offset, word))
		offset += LINE_SIZE;
	for (; offset < nbytes; offset++) {
		if (start[offset] != byte) {
			*where = offset;
			return false;
		}
	}
	return true;
}

/* SPDX-License-Identifier: MIT */

#include "trace/intern.h"

#include "base/fault_inject.h"

#include <stdlib.h>
#include <string.h>

/* Like FNV-1a, but with eight bytes at a time, because every event needs one. */
static uint32_t hash_of(const char *bytes, size_t nbytes)
{
	uint64_t hash = nbytes, word;

	for (; nbytes > sizeof(word); bytes += sizeof(word), nbytes -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, bytes, nbytes);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return (uint32_t)(hash >> 32);
}

static int add(struct intern *intern, const void *bytes, size_t nbytes, uint32_t hash)
{
	char *copy;

	if (intern->nr == INTERN_VALUES || nbytes > INTERN_BYTES || !(copy = core_malloc(nbytes + 1)))
		return -1;
	memcpy(copy, bytes, nbytes);
	intern->value[intern->nr] = (struct interned){ copy, (uint32_t)nbytes, hash };
	return (int)intern->nr++;
}

int intern(struct intern *intern, const void *bytes, size_t nbytes)
{
	uint32_t hash = hash_of(bytes, nbytes);
	uint32_t at = hash % INTERN_SLOTS;
	int index;

	/* Half of the slots at most are taken: an empty one ends the search. */
	for (; intern->slot[at]; at = (at + 1) % INTERN_SLOTS) {
		const struct interned *value = &intern->value[intern->slot[at] - 1];

		if (value->hash == hash && value->nbytes == nbytes && !memcmp(value->bytes, bytes, nbytes))
			return intern->slot[at] - 1;
	}
	index = add(intern, bytes, nbytes, hash);
	if (index >= 0)
		intern->slot[at] = (uint16_t)(index + 1);
	return index;
}

void intern_deinit(struct intern *intern)
{
	while (intern->nr)
		free(intern->value[--intern->nr].bytes);
}

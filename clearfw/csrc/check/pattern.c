/* SPDX-License-Identifier: MIT */
#include "check/pattern.h"

#include "primitives/primitive.h"

#include <string.h>

static bool is_dirty(const struct pattern *pattern, size_t index, size_t npages)
{
	switch (pattern->pages) {
	case PAGES_FIRST:
		return index == 0;
	case PAGES_LAST:
		return index == npages - 1;
	default:
		return true;
	}
}

/* Any byte, and the same each time: Knuth's multiplicative hash of the page's index. */
static size_t spot_of(const struct pattern *pattern, size_t page_size, size_t index)
{
	switch (pattern->spot) {
	case SPOT_FIRST:
		return 0;
	case SPOT_LAST:
		return page_size - 1;
	default:
		return (index + 1) * 2654435761u % page_size;
	}
}

static bool is_one_byte(uint64_t word)
{
	return word == (word & 0xff) * (UINT64_MAX / UINT8_MAX);
}

void pattern_write(const struct pattern *pattern, void *addr, size_t page_size, size_t index, size_t npages)
{
	uint64_t *words = addr;

	if (!is_dirty(pattern, index, npages) || pattern->spot != SPOT_WHOLE) {
		memset(addr, 0, page_size);
		if (is_dirty(pattern, index, npages))
			((uint8_t *)addr)[spot_of(pattern, page_size, index)] = (uint8_t)pattern->word;
	} else if (is_one_byte(pattern->word)) {
		memset(addr, (int)(pattern->word & 0xff), page_size);
	} else {
		for (size_t i = 0; i < page_size / sizeof(*words); i++)
			words[i] = pattern->word;
	}
}

static bool words_are(const void *addr, size_t nbytes, uint64_t word, size_t *where)
{
	const uint64_t *words = addr;

	if (is_one_byte(word))
		return primitive_is_filled(addr, nbytes, (uint8_t)word, where);
	for (size_t i = 0; i < nbytes / sizeof(*words); i++)
		if (words[i] != word) {
			*where = i * sizeof(*words);
			return false;
		}
	return true;
}

bool pattern_is_intact(const struct pattern *pattern, const void *addr, size_t page_size, size_t index,
		       size_t npages, size_t *where)
{
	const uint8_t *bytes = addr;
	size_t spot;

	if (!is_dirty(pattern, index, npages))
		return primitive_is_filled(addr, page_size, 0, where);
	if (pattern->spot == SPOT_WHOLE)
		return words_are(addr, page_size, pattern->word, where);
	spot = spot_of(pattern, page_size, index);
	*where = spot;
	if (bytes[spot] != (uint8_t)pattern->word || !primitive_is_filled(bytes, spot, 0, where))
		return false;
	if (primitive_is_filled(bytes + spot + 1, page_size - spot - 1, 0, where))
		return true;
	*where += spot + 1;
	return false;
}

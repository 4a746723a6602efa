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

#define MARK_BYTES 4096

static size_t mark_at(size_t start, size_t index)
{
	return start + (index + start / MARK_BYTES + 1) * 2654435761u % MARK_BYTES;
}

/* And the two ends of the page, and in turn one of the lines behind its beginning or before its end. */
static size_t end_at(size_t page_size, size_t index, int which)
{
	size_t line = index % 64 * 64 % (page_size / 2);

	switch (which) {
	case 0:
		return 0;
	case 1:
		return page_size - 1;
	case 2:
		return line;
	default:
		return page_size - 1 - line;
	}
}

static void write_marks(const struct pattern *pattern, uint8_t *bytes, size_t page_size, size_t index)
{
	for (size_t start = 0; start < page_size; start += MARK_BYTES)
		bytes[mark_at(start, index)] = (uint8_t)pattern->word;
	for (int which = 0; which < 4; which++)
		bytes[end_at(page_size, index, which)] = (uint8_t)pattern->word;
}

static bool marks_are(uint8_t byte, const uint8_t *bytes, size_t page_size, size_t index, size_t *where)
{
	for (int which = 0; which < 4; which++) {
		*where = end_at(page_size, index, which);
		if (bytes[*where] != byte)
			return false;
	}
	for (size_t start = 0; start < page_size; start += MARK_BYTES) {
		*where = mark_at(start, index);
		if (bytes[*where] != byte)
			return false;
	}
	return true;
}

static bool is_one_byte(uint64_t word)
{
	return word == (word & 0xff) * (UINT64_MAX / UINT8_MAX);
}

void pattern_write(const struct pattern *pattern, void *addr, size_t page_size, size_t index, size_t npages)
{
	uint64_t *words = addr;

	if (pattern->spot == SPOT_MARKS) {
		write_marks(pattern, addr, page_size, index);
		return;
	}
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

bool pattern_is_intact(const struct pattern *pattern, const void *addr, size_t page_size, size_t index, size_t npages,
		       size_t *where)
{
	const uint8_t *bytes = addr;
	size_t spot;

	if (pattern->spot == SPOT_MARKS)
		return marks_are((uint8_t)pattern->word, addr, page_size, index, where);
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

bool pattern_is_cleared(const struct pattern *pattern, const void *addr, size_t page_size, size_t index, size_t *where)
{
	if (pattern->spot == SPOT_MARKS)
		return marks_are(0, addr, page_size, index, where);
	return primitive_is_filled(addr, page_size, 0, where);
}

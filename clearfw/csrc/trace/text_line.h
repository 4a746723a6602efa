/* SPDX-License-Identifier: MIT */
/* A line of text being read: words and numbers between two pointers, NUL or not, and where it goes wrong. */
#ifndef CLEARFW_TEXT_LINE_H
#define CLEARFW_TEXT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct line {
	const char *start, *end;
	/* The furthest that any reading of it came, and what should have stood there. */
	const char *wrong;
	const char *expected;
};

static inline bool wrong(struct line *line, const char *at, const char *expected)
{
	if (!line->wrong || at > line->wrong) {
		line->wrong = at;
		line->expected = expected;
	}
	return false;
}

static inline bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline const char *skip_spaces(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

static inline const char *skip_word(const char *at, const char *end)
{
	while (at < end && !is_space(*at))
		at++;
	return at;
}

/* The text behind the word, or NULL if the word is not here. */
static inline const char *after(const char *at, const char *end, const char *word)
{
	size_t nbytes = strlen(word);

	return (size_t)(end - at) >= nbytes && !memcmp(at, word, nbytes) ? at + nbytes : NULL;
}

/* The end of the decimal number here; NULL: there is none, or not one of 64 bits. */
static inline const char *decimal(const char *at, const char *end, uint64_t *value)
{
	const char *start = at;
	uint64_t found = 0;

	/* So many digits overflow nothing. */
	for (; at < end && is_digit(*at) && at - start < 19; at++)
		found = 10 * found + (uint64_t)(*at - '0');
	for (; at < end && is_digit(*at); at++)
		if (__builtin_mul_overflow(found, 10, &found) ||
		    __builtin_add_overflow(found, (uint64_t)(*at - '0'), &found))
			return NULL;
	*value = found;
	return at == start ? NULL : at;
}

/* One more than the digit's value, or 0: which digit it is, no branch could predict. */
static const uint8_t hex_digit[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
	['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* As decimal(). */
static inline const char *hexadecimal(const char *at, const char *end, uint64_t *value)
{
	const char *start = at;
	uint64_t found = 0;
	uint8_t digit;

	for (; at < end && (digit = hex_digit[(unsigned char)*at]); at++) {
		if (found >> 60)
			return NULL;
		found = found << 4 | (digit - 1u);
	}
	*value = found;
	return at == start ? NULL : at;
}

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/* idle_bitmap.c - words that follow each other go in one call. */
#include "sources/idle_bitmap.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"

#define WORD_BITS 64u
/* Of one call. */
#define MAX_WORDS 64u

static int failed(const char *what)
{
	return thermo_fail(-errno, "idlepage: %s /" IDLE_BITMAP_PATH ": %s", what, strerror(errno));
}

/* How many of @pfns one call can deal with, and in how many words. */
static size_t batch_of(const uint64_t *pfns, size_t nr, size_t *nr_words)
{
	uint64_t first = pfns[0] / WORD_BITS, last = first;
	size_t n = 1;

	/* Not a word between: each page in it would be looked at. */
	for (; n < nr && pfns[n] / WORD_BITS - last <= 1 && pfns[n] / WORD_BITS - first < MAX_WORDS;
	     n++)
		last = pfns[n] / WORD_BITS;
	*nr_words = (size_t)(last - first) + 1;
	return n;
}

static off_t offset_of(uint64_t pfn)
{
	return (off_t)(pfn / WORD_BITS * sizeof(uint64_t));
}

int idle_bitmap_set(int fd, const uint64_t *pfns, size_t nr)
{
	for (size_t i = 0, n, nr_words; i < nr; i += n) {
		uint64_t words[MAX_WORDS] = { 0 };

		n = batch_of(pfns + i, nr - i, &nr_words);
		for (size_t j = i; j < i + n; j++)
			words[pfns[j] / WORD_BITS - pfns[i] / WORD_BITS] |= 1ull
									    << pfns[j] % WORD_BITS;
		/* Beyond the last frame, after memory was taken out: those pages are gone. */
		if (pwrite(fd, words, nr_words * sizeof(*words), offset_of(pfns[i])) < 0 &&
		    errno != ENXIO)
			return failed("cannot write");
	}
	return 0;
}

int idle_bitmap_get(int fd, const uint64_t *pfns, size_t nr, enum idle_answer *answers)
{
	for (size_t i = 0, n, nr_words; i < nr; i += n) {
		uint64_t words[MAX_WORDS];

		n = batch_of(pfns + i, nr - i, &nr_words);
		ssize_t got = pread(fd, words, nr_words * sizeof(*words), offset_of(pfns[i]));

		if (got < 0 && errno != ENXIO)
			return failed("cannot read");
		for (size_t j = i; j < i + n; j++) {
			size_t at = (size_t)(pfns[j] / WORD_BITS - pfns[i] / WORD_BITS);

			if (got < (ssize_t)((at + 1) * sizeof(*words)))
				answers[j] = IDLE_UNKNOWN;
			else
				answers[j] = words[at] >> pfns[j] % WORD_BITS & 1 ? IDLE_STILL
										  : IDLE_ACCESSED;
		}
	}
	return 0;
}

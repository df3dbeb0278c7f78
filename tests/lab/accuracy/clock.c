// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * clock.c - truth-clock: writes the guest's time into the truth.
 *
 * The truth counts time from the emulator's start, observers in the guest from its own.  A phase
 * that is called by the guest's time ties them together: its record has the emulator's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/lab/accuracy/clock.h"
#include "tests/lab/truth/format.h"

static void tell(char *mailbox, const char *text)
{
	(void)snprintf(mailbox + 8, TRUTH_TEXT_MAX, "%s", text);
	*(volatile uint64_t *)(void *)mailbox = 1;
}

int main(void)
{
	char *mailbox = mmap((void *)TRUTH_BASE, TRUTH_PAGE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	char text[TRUTH_TEXT_MAX];
	struct timespec now;

	if (mailbox == MAP_FAILED) {
		fprintf(stderr, "truth-clock: mmap: %s\n", strerror(errno));
		return 1;
	}
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	(void)snprintf(text, sizeof(text), "phase " CLOCK_PHASE "%" PRIu64,
		       (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	tell(mailbox, text);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_data.h - recorded data that does not come with the source. */
#ifndef TESTS_UNIT_SOURCES_TEST_DATA_H
#define TESTS_UNIT_SOURCES_TEST_DATA_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"

/* File @name of $THERMO_TEST_DATA.  Without the variable the test is skipped, and says so. */
static inline FILE *open_test_data(const char *name)
{
	const char *dir = getenv("THERMO_TEST_DATA");
	char path[4096];
	FILE *file;

	if (!dir) {
		print_message("SKIPPED: set THERMO_TEST_DATA to the folder that holds %s\n", name);
		skip();
	}
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: cannot be opened", path);
	return file;
}

#endif

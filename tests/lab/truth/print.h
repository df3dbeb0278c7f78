/* SPDX-License-Identifier: GPL-2.0-or-later */
/* print.h - truth-report's output. */
#ifndef TRUTH_PRINT_H
#define TRUTH_PRINT_H

#include <stddef.h>

#include "tests/lab/truth/analysis.h"

/* Once, before anything else. */
void print_heading(const struct report_options *options);

void print_second(const struct report_options *options, const struct report_line *line);
void print_phase(const struct report_options *options, const struct report_line *line);

/* Cells without accesses are left out. */
void print_pages(const char *phase, const struct truth_cell *cells, size_t nr_cells);
void print_physical(const char *phase, const struct truth_cell *cells, size_t nr_cells);

#endif

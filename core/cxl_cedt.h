/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cxl_cedt.h - the CXL Early Discovery Table of ACPI: the windows of physical addresses,
 * and how each finds the host bridge of an address, which /sys does not tell.
 *
 * The table is the firmware's and may hold anything.
 */
#ifndef CORE_CXL_CEDT_H
#define CORE_CXL_CEDT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CEDT_XOR 1u

/**
 * struct cedt_window - A fixed memory window.
 * @ways:	Host bridges that it interleaves.
 * @arithmetic:	0: modulo; CEDT_XOR; anything else is not known.
 */
struct cedt_window {
	uint64_t start;
	uint64_t bytes;
	uint32_t ways;
	uint32_t granularity_bytes;
	uint8_t arithmetic;
};

/*
 * The first @max_windows of @table.  Return: how many there are, or -EBADMSG when it is
 * no whole CEDT; after that nothing is in @windows that one can rely on.
 */
ssize_t cedt_windows(const uint8_t *table, size_t bytes, struct cedt_window *windows,
		     size_t max_windows);

#endif

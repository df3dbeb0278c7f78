/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cxl_lib.h - a second opinion on the CXL topology: that of libcxl.
 *
 * libcxl walks the same objects of the kernel in its own way, but knows one root, "/", and (76, of
 * Debian 12) neither what a volatile region is nor any dax device; so cxl.c is what
 * everything goes by, and where both look, they have to agree.
 */
#ifndef CORE_CXL_LIB_H
#define CORE_CXL_LIB_H

#include "core/cxl.h"

/*
 * What libcxl sees of this machine (whatever the host seam says) that @cxl does not, or
 * otherwise: memory devices, decoders in use, regions and their targets.
 *
 * Return: how many differences, the first of them in @text ("" for none); -ENOTSUP in a
 * build without libcxl; -errno when it cannot look.
 */
int cxl_lib_compare(const struct cxl *cxl, char *text, size_t size);

#endif

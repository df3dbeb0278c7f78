// SPDX-License-Identifier: GPL-2.0-or-later
/* cxl_lib.c - walks libcxl's objects and looks for each in ours. */
#include "core/cxl_lib.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

#ifdef HAVE_CXL

/* Its opaque types have the names of ours. */
#define cxl_memdev lib_memdev
#define cxl_decoder lib_decoder
#define cxl_region lib_region
#include <cxl/libcxl.h>
#undef cxl_memdev
#undef cxl_decoder
#undef cxl_region

/* Where differences go: all are counted, the first is told. */
struct comparison {
	const struct cxl *cxl;
	char *text;
	size_t size;
	int nr;
};

static void differ(struct comparison *c, const char *name, const char *what, uint64_t ours,
		   uint64_t theirs)
{
	if (c->nr++ == 0)
		(void)snprintf(c->text, c->size,
			       "%s: %s is 0x%" PRIx64 " in /sys and 0x%" PRIx64 " for libcxl", name,
			       what, ours, theirs);
}

static void same(struct comparison *c, const char *name, const char *what, uint64_t ours,
		 uint64_t theirs)
{
	if (ours != theirs)
		differ(c, name, what, ours, theirs);
}

/* --- memory devices --- */

static void compare_memdev(struct comparison *c, struct lib_memdev *theirs)
{
	const char *name = cxl_memdev_get_devname(theirs), *host = cxl_memdev_get_host(theirs);
	struct cxl_endpoint *endpoint = cxl_memdev_get_endpoint(theirs);
	int index = cxl_find_memdev(c->cxl, name);
	const struct cxl_memdev *ours;

	if (index < 0) {
		differ(c, name, "the device", 0, 1);
		return;
	}
	ours = &c->cxl->memdevs[index];
	same(c, name, "volatile memory", ours->ram_bytes, cxl_memdev_get_ram_size(theirs));
	same(c, name, "persistent memory", ours->pmem_bytes, cxl_memdev_get_pmem_size(theirs));
	same(c, name, "the serial number", ours->serial, cxl_memdev_get_serial(theirs));
	same(c, name, "the address", 0, (uint64_t)(host && strcmp(host, ours->address) != 0));
	same(c, name, "the endpoint", ours->endpoint[0] != '\0', endpoint != NULL);
	if (endpoint && strcmp(cxl_endpoint_get_devname(endpoint), ours->endpoint) != 0)
		differ(c, name, "the endpoint's number",
		       (uint64_t)ours->endpoint[strlen("endpoint")] - '0',
		       (uint64_t)cxl_endpoint_get_id(endpoint));
}

/* --- decoders --- */

static const struct cxl_decoder *find_decoder(const struct cxl *cxl, const char *name)
{
	for (size_t i = 0; i < cxl->nr_decoders; i++)
		if (strcmp(cxl->decoders[i].name, name) == 0)
			return &cxl->decoders[i];
	return NULL;
}

static uint64_t mode_of(struct lib_decoder *decoder)
{
	switch (cxl_decoder_get_mode(decoder)) {
	case CXL_DECODER_MODE_RAM:
		return CXL_MODE_RAM;
	case CXL_DECODER_MODE_PMEM:
		return CXL_MODE_PMEM;
	case CXL_DECODER_MODE_MIXED:
		return CXL_MODE_OTHER;
	default:
		return CXL_MODE_NONE;
	}
}

static void compare_decoder(struct comparison *c, struct lib_decoder *theirs,
			    enum cxl_decoder_kind kind)
{
	const char *name = cxl_decoder_get_devname(theirs);
	const struct cxl_decoder *ours = find_decoder(c->cxl, name);

	if (!ours) {
		differ(c, name, "the decoder", 0, 1);
		return;
	}
	same(c, name, "the kind", ours->kind, kind);
	if (!ours->bytes)
		return; /* in no use: what it says of addresses is nothing */
	same(c, name, "the address", ours->start, cxl_decoder_get_resource(theirs));
	same(c, name, "the size", ours->bytes, cxl_decoder_get_size(theirs));
	same(c, name, "interleaving", ours->ways, cxl_decoder_get_interleave_ways(theirs));
	same(c, name, "the granularity", ours->granularity_bytes,
	     cxl_decoder_get_interleave_granularity(theirs));
	if (kind != CXL_DECODER_ENDPOINT)
		return;
	same(c, name, "the device address", ours->dpa_start, cxl_decoder_get_dpa_resource(theirs));
	same(c, name, "the device memory", ours->dpa_bytes, cxl_decoder_get_dpa_size(theirs));
	same(c, name, "the mode", ours->mode, mode_of(theirs));
}

/* --- regions --- */

static const struct cxl_region *find_region(const struct cxl *cxl, const char *name)
{
	for (size_t i = 0; i < cxl->nr_regions; i++)
		if (strcmp(cxl->regions[i].name, name) == 0)
			return &cxl->regions[i];
	return NULL;
}

static void compare_targets(struct comparison *c, const struct cxl_region *ours,
			    struct lib_region *theirs)
{
	for (uint32_t p = 0; p < ours->ways && p < CXL_MAX_WAYS; p++) {
		struct lib_decoder *d = cxl_region_get_target_decoder(theirs, (int)p);
		int t = ours->targets[p];

		if ((t < 0) != (d == NULL) ||
		    (d && strcmp(cxl_decoder_get_devname(d), c->cxl->decoders[t].name) != 0))
			differ(c, ours->name, "a target", (uint64_t)(t >= 0),
			       (uint64_t)(d != NULL));
	}
}

static void compare_region(struct comparison *c, struct lib_region *theirs)
{
	const char *name = cxl_region_get_devname(theirs);
	const struct cxl_region *ours = find_region(c->cxl, name);

	if (!ours) {
		differ(c, name, "the region", 0, 1);
		return;
	}
	same(c, name, "committed", ours->committed,
	     (uint64_t)(cxl_region_decode_is_committed(theirs) > 0));
	same(c, name, "having a driver", ours->bound,
	     (uint64_t)(cxl_region_is_enabled(theirs) > 0));
	if (!ours->bytes)
		return;
	same(c, name, "the address", ours->start, cxl_region_get_resource(theirs));
	same(c, name, "the size", ours->bytes, cxl_region_get_size(theirs));
	same(c, name, "interleaving", ours->ways, cxl_region_get_interleave_ways(theirs));
	same(c, name, "the granularity", ours->granularity_bytes,
	     cxl_region_get_interleave_granularity(theirs));
	compare_targets(c, ours, theirs);
}

/* --- all --- */

/* How many objects of each kind libcxl walked: the walk is over theirs, so that what it lacks
 * shows. */
struct walked {
	size_t memdevs;
	size_t decoders;
	size_t regions;
};

static void walk_decoders(struct comparison *c, struct cxl_port *port, enum cxl_decoder_kind kind,
			  struct walked *walked)
{
	struct lib_decoder *decoder;
	struct lib_region *region;

	for (decoder = cxl_decoder_get_first(port); decoder;
	     decoder = cxl_decoder_get_next(decoder)) {
		walked->decoders++;
		compare_decoder(c, decoder, kind);
		if (kind != CXL_DECODER_ROOT)
			continue;
		for (region = cxl_region_get_first(decoder); region;
		     region = cxl_region_get_next(region)) {
			walked->regions++;
			compare_region(c, region);
		}
	}
}

static void walk_ports(struct comparison *c, struct cxl_ctx *ctx, struct walked *walked)
{
	struct cxl_bus *bus;

	for (bus = cxl_bus_get_first(ctx); bus; bus = cxl_bus_get_next(bus)) {
		struct cxl_port *top = cxl_bus_get_port(bus), *port;

		walk_decoders(c, top, CXL_DECODER_ROOT, walked);
		for (port = cxl_port_get_first(top); port; port = cxl_port_get_next_all(port, top))
			walk_decoders(c, port, CXL_DECODER_SWITCH, walked);
	}
}

static void walk_memdevs(struct comparison *c, struct cxl_ctx *ctx, struct walked *walked)
{
	struct lib_memdev *memdev;

	for (memdev = cxl_memdev_get_first(ctx); memdev; memdev = cxl_memdev_get_next(memdev)) {
		struct cxl_endpoint *endpoint = cxl_memdev_get_endpoint(memdev);

		walked->memdevs++;
		compare_memdev(c, memdev);
		if (endpoint)
			walk_decoders(c, cxl_endpoint_get_port(endpoint), CXL_DECODER_ENDPOINT,
				      walked);
	}
}

int cxl_lib_compare(const struct cxl *cxl, char *text, size_t size)
{
	struct comparison c = { .cxl = cxl, .text = text, .size = size };
	struct walked walked = { 0 };
	struct cxl_ctx *ctx;
	int err = cxl_new(&ctx);

	if (err < 0)
		return thermo_fail(err, "libcxl: %s", strerror(-err));
	text[0] = '\0';
	walk_ports(&c, ctx, &walked);
	walk_memdevs(&c, ctx, &walked);
	same(&c, "CXL", "the number of memory devices", cxl->nr_memdevs, walked.memdevs);
	same(&c, "CXL", "the number of decoders", cxl->nr_decoders, walked.decoders);
	same(&c, "CXL", "the number of regions", cxl->nr_regions, walked.regions);
	cxl_unref(ctx);
	return c.nr;
}

#else

int cxl_lib_compare(const struct cxl *cxl, char *text, size_t size)
{
	(void)cxl, (void)text, (void)size;
	return thermo_fail(-ENOTSUP, "built without libcxl");
}

#endif

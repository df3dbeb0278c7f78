// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cxl.c - /sys/bus/cxl/devices and /sys/bus/dax/devices, and what ACPI's CEDT adds.
 *
 * First every object is read by itself, then they are joined by name.  Links say who is
 * whose parent; nothing here depends on where the links lead.
 */
#include "core/cxl.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/cxl_cedt.h"
#include "core/error.h"

#define CXL_DIR "sys/bus/cxl/devices"
#define DAX_DIR "sys/bus/dax/devices"
#define CEDT_FILE "sys/firmware/acpi/tables/CEDT"
#define LINK_BYTES 512
#define MAX_WINDOWS 64u

void cxl_fini(struct cxl *cxl)
{
	free(cxl->memdevs);
	free(cxl->decoders);
	free(cxl->regions);
	free(cxl->daxes);
	*cxl = (struct cxl){ 0 };
}

/* --- one file --- */

/* Everything goes to terminals and JSON in the end; the kernel writes nothing else. */
static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* "" when there is none, or when it is longer than anything we look for. */
static void read_word(const struct thermo_host *host, char *text, size_t size, const char *dir,
		      const char *name, const char *file)
{
	int len = thermo_host_read(host, text, size, "%s/%s/%s", dir, name, file);

	if (len < 0 || (size_t)len == size - 1 || !is_printable(text))
		text[0] = '\0';
}

/* The kernel writes sizes and addresses as 0x..., counts in decimal. */
static uint64_t read_number(const struct thermo_host *host, const char *dir, const char *name,
			    const char *file, uint64_t otherwise)
{
	char text[32], *end;

	read_word(host, text, sizeof(text), dir, name, file);
	if (!isdigit((unsigned char)text[0]))
		return otherwise;
	errno = 0;
	unsigned long long value = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);

	return errno || *end ? otherwise : value;
}

static uint32_t read_u32(const struct thermo_host *host, const char *name, const char *file)
{
	uint64_t value = read_number(host, CXL_DIR, name, file, 0);

	return value > UINT32_MAX ? 0 : (uint32_t)value;
}

/* A node or a class; the kernel says -1 for none. */
static int read_int(const struct thermo_host *host, const char *dir, const char *name,
		    const char *file)
{
	uint64_t value = read_number(host, dir, name, file, INT32_MAX);

	return value >= INT32_MAX ? -1 : (int)value;
}

static bool exists(const struct thermo_host *host, const char *name, const char *file)
{
	char text[8];

	return thermo_host_read(host, text, sizeof(text), CXL_DIR "/%s/%s", name, file) >= 0;
}

static enum cxl_mode read_mode(const struct thermo_host *host, const char *name)
{
	char text[16];

	read_word(host, text, sizeof(text), CXL_DIR, name, "mode");
	if (!text[0] || strcmp(text, "none") == 0)
		return CXL_MODE_NONE;
	if (strcmp(text, "ram") == 0)
		return CXL_MODE_RAM;
	return strcmp(text, "pmem") == 0 ? CXL_MODE_PMEM : CXL_MODE_OTHER;
}

/* The component of the link that is @from_end before its last; "" when there is none. */
static void read_link_part(const struct thermo_host *host, char word[CXL_NAME_BYTES],
			   unsigned int from_end, const char *path)
{
	char link[LINK_BYTES], *part;

	word[0] = '\0';
	if (thermo_host_read_link(host, link, sizeof(link), "%s", path) < 0)
		return;
	for (; from_end && (part = strrchr(link, '/')); from_end--)
		*part = '\0';
	part = strrchr(link, '/');
	part = part ? part + 1 : link;
	if (!from_end && strlen(part) < CXL_NAME_BYTES && is_printable(part))
		(void)snprintf(word, CXL_NAME_BYTES, "%s", part);
}

static void read_link(const struct thermo_host *host, char word[CXL_NAME_BYTES],
		      unsigned int from_end, const char *dir, const char *name, const char *link)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s%s", dir, name, link);
	read_link_part(host, word, from_end, path);
}

/* --- which objects there are --- */

struct names {
	size_t nr;
	char (*names)[CXL_NAME_BYTES];
};

static void free_names(const struct names *names)
{
	free(names->names);
}
#define AUTO_FREE_NAMES __attribute__((cleanup(free_names)))

/* "mem10" after "mem9". */
static int by_name(const void *a, const void *b)
{
	return strverscmp(a, b);
}

/* @prefix and numbers: not "memory", which may come one day. */
static bool is_named(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && isdigit((unsigned char)name[len]) &&
	       name[len + strspn(name + len, "0123456789.")] == '\0' &&
	       strlen(name) < CXL_NAME_BYTES;
}

/* Return: 0, also without such a directory; -ENOMEM. */
static int list_names(const struct thermo_host *host, const char *dir_name, const char *prefix,
		      struct names *names, size_t *nr_left_out)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;

	names->names = calloc(CXL_MAX_OBJECTS, sizeof(*names->names));
	if (!names->names)
		return thermo_fail(-ENOMEM, "CXL: no memory for names");
	if (thermo_host_open_dir(host, &dir, "%s", dir_name))
		return 0;
	while ((entry = readdir(dir))) {
		if (!is_named(entry->d_name, prefix))
			continue;
		if (names->nr < CXL_MAX_OBJECTS)
			(void)snprintf(names->names[names->nr++], CXL_NAME_BYTES, "%s",
				       entry->d_name);
		else
			++*nr_left_out;
	}
	qsort(names->names, names->nr, CXL_NAME_BYTES, by_name);
	return 0;
}

/* Room for as many as there are names; one more, since calloc(0) may be NULL. */
static void *alloc_objects(const struct names *names, size_t bytes)
{
	void *objects = calloc(names->nr + 1, bytes);

	if (!objects)
		(void)thermo_fail(-ENOMEM, "CXL: no memory for %zu objects", names->nr);
	return objects;
}

/* --- memory devices --- */

static void read_memdev(const struct thermo_host *host, const char *name, struct cxl_memdev *m)
{
	(void)snprintf(m->name, sizeof(m->name), "%s", name);
	read_link(host, m->address, 1, CXL_DIR, name, "");
	m->ram_bytes = read_number(host, CXL_DIR, name, "ram/size", 0);
	m->pmem_bytes = read_number(host, CXL_DIR, name, "pmem/size", 0);
	m->serial = read_number(host, CXL_DIR, name, "serial", CXL_UNKNOWN);
	m->node = read_int(host, CXL_DIR, name, "numa_node");
	m->qos_class = read_int(host, CXL_DIR, name, "ram/qos_class");
}

/* Endpoint ports say whose they are, devices do not say which is theirs. */
static int read_endpoints(const struct thermo_host *host, struct cxl *cxl)
{
	AUTO_FREE_NAMES struct names names = { 0 };
	int err = list_names(host, CXL_DIR, "endpoint", &names, &cxl->nr_left_out);

	for (size_t i = 0; i < names.nr && !err; i++) {
		char memdev[CXL_NAME_BYTES];
		int m;

		read_link(host, memdev, 0, CXL_DIR, names.names[i], "/uport");
		m = cxl_find_memdev(cxl, memdev);
		if (m >= 0)
			memcpy(cxl->memdevs[m].endpoint, names.names[i], CXL_NAME_BYTES);
	}
	return err;
}

static int read_memdevs(const struct thermo_host *host, struct cxl *cxl)
{
	AUTO_FREE_NAMES struct names names = { 0 };
	int err = list_names(host, CXL_DIR, "mem", &names, &cxl->nr_left_out);

	if (err)
		return err;
	cxl->memdevs = alloc_objects(&names, sizeof(*cxl->memdevs));
	if (!cxl->memdevs)
		return -ENOMEM;
	for (; cxl->nr_memdevs < names.nr; cxl->nr_memdevs++)
		read_memdev(host, names.names[cxl->nr_memdevs], &cxl->memdevs[cxl->nr_memdevs]);
	return read_endpoints(host, cxl);
}

int cxl_find_memdev(const struct cxl *cxl, const char *name)
{
	for (size_t i = 0; i < cxl->nr_memdevs; i++)
		if (strcmp(cxl->memdevs[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* --- decoders --- */

/* Only the kinds' own files tell them apart: root decoders say what a region may be. */
static enum cxl_decoder_kind kind_of(const struct thermo_host *host, const char *name)
{
	if (exists(host, name, "dpa_size"))
		return CXL_DECODER_ENDPOINT;
	return exists(host, name, "cap_type3") ? CXL_DECODER_ROOT : CXL_DECODER_SWITCH;
}

static int memdev_of_port(const struct cxl *cxl, const char *port)
{
	for (size_t i = 0; i < cxl->nr_memdevs; i++)
		if (strcmp(cxl->memdevs[i].endpoint, port) == 0)
			return (int)i;
	return -1;
}

static void read_decoder(const struct thermo_host *host, const struct cxl *cxl, const char *name,
			 struct cxl_decoder *d)
{
	static const char *const port_names[] = { "root", "port", "endpoint" };

	(void)snprintf(d->name, sizeof(d->name), "%s", name);
	d->kind = kind_of(host, name);
	/* "decoder2.0" is the port's whose number is 2. */
	(void)snprintf(d->port, sizeof(d->port), "%s%lu", port_names[d->kind],
		       strtoul(name + strlen("decoder"), NULL, 10));
	d->mode = read_mode(host, name);
	d->start = read_number(host, CXL_DIR, name, "start", 0);
	d->bytes = read_number(host, CXL_DIR, name, "size", 0);
	d->dpa_start = read_number(host, CXL_DIR, name, "dpa_resource", 0);
	d->dpa_bytes = read_number(host, CXL_DIR, name, "dpa_size", 0);
	d->ways = read_u32(host, name, "interleave_ways");
	d->granularity_bytes = read_u32(host, name, "interleave_granularity");
	read_word(host, d->targets, sizeof(d->targets), CXL_DIR, name, "target_list");
	d->ram = read_number(host, CXL_DIR, name, "cap_ram", 0) != 0;
	d->pmem = read_number(host, CXL_DIR, name, "cap_pmem", 0) != 0;
	d->locked = read_number(host, CXL_DIR, name, "locked", 0) != 0;
	d->memdev = d->kind == CXL_DECODER_ENDPOINT ? memdev_of_port(cxl, d->port) : -1;
	d->region = -1;
}

static int read_decoders(const struct thermo_host *host, struct cxl *cxl)
{
	AUTO_FREE_NAMES struct names names = { 0 };
	int err = list_names(host, CXL_DIR, "decoder", &names, &cxl->nr_left_out);

	if (err)
		return err;
	cxl->decoders = alloc_objects(&names, sizeof(*cxl->decoders));
	if (!cxl->decoders)
		return -ENOMEM;
	for (; cxl->nr_decoders < names.nr; cxl->nr_decoders++)
		read_decoder(host, cxl, names.names[cxl->nr_decoders],
			     &cxl->decoders[cxl->nr_decoders]);
	return 0;
}

static int find_decoder(const struct cxl *cxl, const char *name)
{
	for (size_t i = 0; i < cxl->nr_decoders; i++)
		if (strcmp(cxl->decoders[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* --- regions --- */

/* Where the link says none, the window that holds it. */
static int root_of(const struct thermo_host *host, const struct cxl *cxl,
		   const struct cxl_region *r)
{
	char parent[CXL_NAME_BYTES];
	int root;

	read_link(host, parent, 1, CXL_DIR, r->name, "");
	root = find_decoder(cxl, parent);
	for (size_t i = 0; i < cxl->nr_decoders && root < 0 && r->bytes; i++) {
		const struct cxl_decoder *d = &cxl->decoders[i];

		if (d->kind == CXL_DECODER_ROOT && r->start >= d->start &&
		    r->start - d->start < d->bytes)
			root = (int)i;
	}
	return root;
}

static void read_targets(const struct thermo_host *host, const struct cxl *cxl,
			 struct cxl_region *r)
{
	for (uint32_t i = 0; i < CXL_MAX_WAYS; i++) {
		char decoder[CXL_NAME_BYTES], file[16];

		r->targets[i] = -1;
		if (i >= r->ways)
			continue;
		(void)snprintf(file, sizeof(file), "target%u", i);
		read_word(host, decoder, sizeof(decoder), CXL_DIR, r->name, file);
		r->targets[i] = find_decoder(cxl, decoder);
	}
}

static void read_region(const struct thermo_host *host, struct cxl *cxl, const char *name,
			struct cxl_region *r)
{
	char driver[CXL_NAME_BYTES];

	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->mode = read_mode(host, name);
	/* A region without addresses says -1 or 0xffffffffffffffff. */
	r->start = read_number(host, CXL_DIR, name, "resource", 0);
	r->bytes = read_number(host, CXL_DIR, name, "size", 0);
	if (r->start == UINT64_MAX)
		r->start = r->bytes = 0;
	r->cache_bytes = read_number(host, CXL_DIR, name, "extended_linear_cache_size", 0);
	r->ways = read_u32(host, name, "interleave_ways");
	r->granularity_bytes = read_u32(host, name, "interleave_granularity");
	read_targets(host, cxl, r);
	r->root = root_of(host, cxl, r);
	r->committed = read_number(host, CXL_DIR, name, "commit", 0) != 0;
	read_link(host, driver, 0, CXL_DIR, name, "/driver");
	r->bound = driver[0] != '\0';
	/* Before Linux 6.3 there was no mode: all were persistent memory's. */
	if (r->mode == CXL_MODE_NONE && r->targets[0] >= 0)
		r->mode = cxl->decoders[r->targets[0]].mode;
}

static int read_regions(const struct thermo_host *host, struct cxl *cxl)
{
	AUTO_FREE_NAMES struct names names = { 0 };
	int err = list_names(host, CXL_DIR, "region", &names, &cxl->nr_left_out);

	if (err)
		return err;
	cxl->regions = alloc_objects(&names, sizeof(*cxl->regions));
	if (!cxl->regions)
		return -ENOMEM;
	for (; cxl->nr_regions < names.nr; cxl->nr_regions++)
		read_region(host, cxl, names.names[cxl->nr_regions],
			    &cxl->regions[cxl->nr_regions]);
	return 0;
}

static int find_region(const struct cxl *cxl, const char *name)
{
	for (size_t i = 0; i < cxl->nr_regions; i++)
		if (strcmp(cxl->regions[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* What the decoders say, and what the regions say of endpoints. */
static void join_decoders(const struct thermo_host *host, struct cxl *cxl)
{
	for (size_t i = 0; i < cxl->nr_decoders; i++) {
		char region[CXL_NAME_BYTES];

		read_word(host, region, sizeof(region), CXL_DIR, cxl->decoders[i].name, "region");
		cxl->decoders[i].region = find_region(cxl, region);
	}
	for (size_t r = 0; r < cxl->nr_regions; r++)
		for (uint32_t p = 0; p < CXL_MAX_WAYS; p++)
			if (cxl->regions[r].targets[p] >= 0)
				cxl->decoders[cxl->regions[r].targets[p]].region = (int)r;
}

/* --- dax devices --- */

/* ".../region0/dax_region0/dax0.0"; where there is no link, by address. */
static int region_of_dax(const struct thermo_host *host, const struct cxl *cxl,
			 const struct cxl_dax *dax)
{
	char parent[CXL_NAME_BYTES];
	int region;

	read_link(host, parent, 2, DAX_DIR, dax->name, "");
	region = find_region(cxl, parent);
	for (size_t i = 0; i < cxl->nr_regions && region < 0; i++)
		if (dax->bytes && dax->start >= cxl->regions[i].start &&
		    dax->start - cxl->regions[i].start < cxl->regions[i].bytes)
			region = (int)i;
	return region;
}

static void read_dax(const struct thermo_host *host, const struct cxl *cxl, const char *name,
		     struct cxl_dax *dax)
{
	(void)snprintf(dax->name, sizeof(dax->name), "%s", name);
	read_link(host, dax->driver, 0, DAX_DIR, name, "/driver");
	dax->start = read_number(host, DAX_DIR, name, "resource", 0);
	dax->bytes = read_number(host, DAX_DIR, name, "size", 0);
	dax->node = read_int(host, DAX_DIR, name, "target_node");
	dax->region = region_of_dax(host, cxl, dax);
}

static int read_daxes(const struct thermo_host *host, struct cxl *cxl)
{
	AUTO_FREE_NAMES struct names names = { 0 };
	int err = list_names(host, DAX_DIR, "dax", &names, &cxl->nr_left_out);

	if (err)
		return err;
	cxl->daxes = alloc_objects(&names, sizeof(*cxl->daxes));
	if (!cxl->daxes)
		return -ENOMEM;
	for (; cxl->nr_daxes < names.nr; cxl->nr_daxes++)
		read_dax(host, cxl, names.names[cxl->nr_daxes], &cxl->daxes[cxl->nr_daxes]);
	return 0;
}

int cxl_region_node(const struct cxl *cxl, int region)
{
	for (size_t i = 0; i < cxl->nr_daxes; i++)
		if (cxl->daxes[i].region == region && strcmp(cxl->daxes[i].driver, "kmem") == 0)
			return cxl->daxes[i].node;
	return -1;
}

/* --- CEDT --- */

static void set_arithmetic(struct cxl_decoder *d, const struct cedt_window *windows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (windows[i].start != d->start || windows[i].bytes != d->bytes)
			continue;
		if (windows[i].arithmetic == CEDT_XOR)
			d->arithmetic = CXL_ARITHMETIC_XOR;
		else if (windows[i].arithmetic == 0)
			d->arithmetic = CXL_ARITHMETIC_MODULO;
	}
}

static int read_cedt(const struct thermo_host *host, struct cxl *cxl)
{
	struct cedt_window windows[MAX_WINDOWS];
	AUTO_FREE char *table = NULL;
	ssize_t nr = thermo_host_read_all(host, &table, CEDT_FILE);

	if (nr >= 0)
		nr = cedt_windows((const uint8_t *)table, (size_t)nr, windows, MAX_WINDOWS);
	if (nr < 0)
		return (int)nr;
	if ((size_t)nr > MAX_WINDOWS) {
		cxl->nr_left_out += (size_t)nr - MAX_WINDOWS;
		nr = MAX_WINDOWS;
	}
	for (size_t i = 0; i < cxl->nr_decoders; i++)
		if (cxl->decoders[i].kind == CXL_DECODER_ROOT)
			set_arithmetic(&cxl->decoders[i], windows, (size_t)nr);
	return 0;
}

int cxl_read(struct cxl *cxl, const struct thermo_host *host)
{
	struct cxl found = { 0 };
	int err = read_memdevs(host, &found);

	if (!err)
		err = read_decoders(host, &found);
	if (!err)
		err = read_regions(host, &found);
	if (!err)
		err = read_daxes(host, &found);
	if (err) {
		cxl_fini(&found);
		return err;
	}
	join_decoders(host, &found);
	found.cedt_err = read_cedt(host, &found);
	cxl_fini(cxl);
	*cxl = found;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* owner.c - owners of a page frame as JSON, and as text. */
#include "cli/owner.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/pageflags.h"
#include "core/pfn_index.h"
#include "core/proc.h"

static void add(struct json_object *o, const char *key, struct json_object *value)
{
	json_object_object_add(o, key, value);
}

static void add_file(struct json_object *o, const struct thermo_host *host,
		     const struct thermo_owner *owner)
{
	struct thermo_file f;

	/* Unmapped meanwhile: then there is none to tell. */
	if (!owner->is_file || thermo_proc_file(host, owner->pid, owner->addr, &f))
		return;
	add(o, "device", json_object_new_string(f.device));
	add(o, "inode", json_object_new_uint64(f.inode));
	add(o, "offset", json_object_new_uint64(f.offset_bytes));
	add(o, "path", json_object_new_string(f.path));
}

static struct json_object *one_json(const struct thermo_host *host,
				    const struct thermo_owner *owner)
{
	struct json_object *o = json_object_new_object();

	add(o, "pid", json_object_new_int(owner->pid));
	add(o, "addr", json_object_new_uint64(owner->addr));
	add(o, "kind", json_object_new_string(owner->is_file ? "file" : "anon"));
	add(o, "shared", json_object_new_boolean(owner->is_shared));
	add(o, "huge", json_object_new_boolean(owner->is_huge));
	add_file(o, host, owner);
	return o;
}

/* What a page is that no target has: free, of a file, the kernel's. */
static void add_page(struct json_object *o, const struct thermo_host *host, uint64_t addr)
{
	const struct thermo_target physical = { .pid = THERMO_PID_PHYSICAL };
	struct page_looker looker;
	struct page_look look;

	if (page_looker_open(&looker, host) == 0 &&
	    page_looker_set_target(&looker, &physical) > 0 &&
	    page_looker_look(&looker, addr, &look) > 0)
		add(o, "page", json_object_new_string(page_class_name(look.kind)));
	page_looker_close(&looker);
}

static bool parse_addr(const char *text, uint64_t *addr)
{
	char *end;

	errno = 0;
	*addr = strtoull(text, &end, 0);
	/* strtoull() takes "-1" and " 1". */
	return isdigit((unsigned char)*text) && *end == '\0' && errno == 0;
}

struct json_object *owner_json(const struct daemon *d, const char *text)
{
	struct json_object *root = json_object_new_object(), *list;
	struct thermo_owner owners[PFN_MAX_SHARERS];
	uint64_t addr;
	int nr;

	if (!parse_addr(text, &addr)) {
		add(root, "error", json_object_new_string("owner: not a physical address"));
		return root;
	}
	if (!d->monitor) {
		add(root, "error", json_object_new_string("owner: the daemon is starting"));
		return root;
	}
	nr = thermo_monitor_owners_of(d->monitor, addr, owners, PFN_MAX_SHARERS);
	if (nr < 0) {
		add(root, "error", json_object_new_string(thermo_last_error()));
		return root;
	}
	list = json_object_new_array();
	for (int i = 0; i < nr; i++)
		json_object_array_add(list, one_json(d->host, &owners[i]));
	add(root, "addr", json_object_new_uint64(addr));
	add(root, "owners", list);
	if (nr == 0)
		add_page(root, d->host, addr);
	return root;
}

/* --- for people --- */

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(o, key, &value);
	return value;
}

static const char *get_text(struct json_object *o, const char *key)
{
	struct json_object *value = get(o, key);

	return value ? json_object_get_string(value) : "";
}

static void print_one(FILE *out, struct json_object *o)
{
	fprintf(out, "pid %d at %#" PRIx64 ": %s%s%s", json_object_get_int(get(o, "pid")),
		json_object_get_uint64(get(o, "addr")), get_text(o, "kind"),
		json_object_get_boolean(get(o, "huge")) ? ", huge" : "",
		json_object_get_boolean(get(o, "shared")) ? ", shared" : "");
	if (get(o, "inode"))
		fprintf(out, ", offset %" PRIu64 " of %s (inode %" PRIu64 " on %s)",
			json_object_get_uint64(get(o, "offset")), get_text(o, "path"),
			json_object_get_uint64(get(o, "inode")), get_text(o, "device"));
	fprintf(out, "\n");
}

void owner_print(FILE *out, struct json_object *answer)
{
	struct json_object *list = get(answer, "owners");
	size_t nr = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < nr; i++)
		print_one(out, json_object_array_get_idx(list, i));
	if (nr == 0)
		fprintf(out, "no target has it: %s\n",
			get(answer, "page") ? get_text(answer, "page") : "unknown");
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cgroups.c - walk the tree of memory cgroups.  Cgroups come and go meanwhile; what
 * cannot be opened any more has no name to remember.
 */
#include "core/cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/proc.h"

/* Deeper ones have no name; it also bounds the descriptors that are open. */
#define MAX_DEPTH 64

struct cgroup_name {
	uint64_t inode;
	char *path;
};

void cgroups_fini(struct cgroups *cgroups)
{
	for (size_t i = 0; i < cgroups->nr; i++)
		free(cgroups->names[i].path);
	free(cgroups->names);
	*cgroups = (struct cgroups){ 0 };
}

/* A walk under way: where it is, and what it has found. */
struct walk {
	char path[THERMO_CGROUP_BYTES];
	size_t room;
	struct cgroups found;
};

static int add(struct walk *w, uint64_t inode, size_t path_len)
{
	struct cgroups *f = &w->found;

	if (f->nr == w->room) {
		size_t wanted = w->room ? 2 * w->room : 64;
		struct cgroup_name *grown = realloc(f->names, wanted * sizeof(*grown));

		if (!grown)
			return thermo_fail(-ENOMEM, "cgroups: no memory for %zu", wanted);
		f->names = grown;
		w->room = wanted;
	}
	char *path = path_len ? strndup(w->path, path_len) : strdup("/");

	if (!path)
		return thermo_fail(-ENOMEM, "cgroups: no memory");
	f->names[f->nr++] = (struct cgroup_name){ inode, path };
	return 0;
}

static DIR *open_below(int dir_fd, const char *name)
{
	AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		(void)take_fd(&fd);
	return dir;
}

static int walk(struct walk *w, DIR *dir, size_t path_len, int depth)
{
	struct stat st;
	struct dirent *entry;
	int err;

	if (fstat(dirfd(dir), &st))
		return 0;
	err = add(w, st.st_ino, path_len);
	while (!err && w->found.nr < CGROUPS_MAX && depth < MAX_DEPTH && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if ((entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
		    entry->d_name[0] == '.' || path_len + 1 + len >= sizeof(w->path))
			continue;
		AUTO_CLOSEDIR DIR *below = open_below(dirfd(dir), entry->d_name);

		if (!below)
			continue;
		w->path[path_len] = '/';
		memcpy(w->path + path_len + 1, entry->d_name, len);
		err = walk(w, below, path_len + 1 + len, depth + 1);
	}
	return err;
}

/* Space, tab, newline and backslash are octal in /proc/mounts. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned int c;

		if (*from == '\\' && sscanf(from + 1, "%3o", &c) == 1 && strlen(from) >= 4) {
			*to = (char)c;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static bool has_option(const char *options, const char *option)
{
	size_t len = strlen(option);

	for (const char *at = options; (at = strstr(at, option)); at += len)
		if ((at == options || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	return false;
}

/* Where memory is controlled: cgroup1 has the controller, or else cgroup2. */
static int find_mount(const struct thermo_host *host, char *path, size_t size)
{
	AUTO_FREE char *text = NULL;
	ssize_t len = thermo_host_read_all(host, &text, "proc/self/mounts");
	char *save = NULL;

	if (len < 0)
		return (int)len;
	path[0] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char where[256], type[32], options[256];

		if (sscanf(line, "%*s /%255s %31s %255s", where, type, options) != 3)
			continue;
		bool v1 = strcmp(type, "cgroup") == 0 && has_option(options, "memory");

		if (!v1 && (strcmp(type, "cgroup2") != 0 || path[0]))
			continue;
		unescape(where);
		(void)snprintf(path, size, "%s", where);
		if (v1)
			break;
	}
	return path[0] ? 0
		       : thermo_fail(-ENOENT, "/proc/self/mounts: no cgroup tree that controls "
					      "memory is mounted");
}

static int by_inode(const void *a, const void *b)
{
	const struct cgroup_name *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

int cgroups_read(struct cgroups *cgroups, const struct thermo_host *host)
{
	AUTO_FREE struct walk *w = calloc(1, sizeof(*w));
	AUTO_CLOSEDIR DIR *dir = NULL;
	char path[256];
	int err = find_mount(host, path, sizeof(path));

	if (!w)
		return thermo_fail(-ENOMEM, "cgroups: no memory");
	if (!err)
		err = thermo_host_open_dir(host, &dir, "%s", path);
	if (!err)
		err = walk(w, dir, 0, 0);
	if (err) {
		cgroups_fini(&w->found);
		return err;
	}
	if (w->found.nr)
		qsort(w->found.names, w->found.nr, sizeof(*w->found.names), by_inode);
	cgroups_fini(cgroups);
	*cgroups = w->found;
	return (int)cgroups->nr;
}

const char *cgroups_find(const struct cgroups *cgroups, uint64_t inode)
{
	struct cgroup_name key = { .inode = inode };
	const struct cgroup_name *name = cgroups->nr ? bsearch(&key, cgroups->names, cgroups->nr,
							       sizeof(key), by_inode)
						     : NULL;

	return name ? name->path : NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* record_output.c - see record_output.h. */
#include "cli/record_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

static int old_name(const char *path, char *old, size_t size)
{
	return snprintf(old, size, "%s.old", path) < (int)size
			       ? 0
			       : thermo_fail(-ENAMETOOLONG, "%.64s...: the name is too long", path);
}

static int keep_old(struct record_output *out)
{
	char old[PATH_MAX];
	int err = old_name(out->path, old, sizeof(old));

	if (!err && rename(out->path, old) < 0)
		err = thermo_fail(-errno, "%s: cannot be renamed to %s: %s", out->path, old,
				  strerror(errno));
	out->replaced = !err;
	return err;
}

int record_output_open(struct record_output *out, const char *path)
{
	struct stat st;
	int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW, err;

	*out = (struct record_output){ .path = path, .fd = -1 };
	if (strcmp(path, "-") == 0) {
		if (isatty(STDOUT_FILENO))
			return thermo_fail(-EINVAL, "standard output is a terminal: a recording is "
						    "nothing to look at; use -o FILE");
		out->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return out->fd < 0 ? thermo_fail(-errno, "standard output: %s", strerror(errno))
				   : 0;
	}
	out->is_new = lstat(path, &st) < 0 || S_ISREG(st.st_mode);
	err = out->is_new && access(path, F_OK) == 0 ? keep_old(out) : 0;
	if (err)
		return err;
	/* Not through a link that somebody puts there, nor into a file that is read already. */
	out->fd = open(path, flags | (out->is_new ? O_CREAT | O_EXCL : 0), 0600);
	return out->fd < 0 ? thermo_fail(-errno, "%s: %s", path, strerror(errno)) : 0;
}

void record_output_discard(struct record_output *out)
{
	char old[PATH_MAX];

	if (out->fd < 0)
		return;
	(void)close(out->fd);
	out->fd = -1;
	if (out->is_new)
		(void)unlink(out->path);
	if (out->replaced && old_name(out->path, old, sizeof(old)) == 0)
		(void)rename(old, out->path);
}

int record_output_close(struct record_output *out)
{
	int err = out->fd >= 0 && close(out->fd) < 0 ? -errno : 0;

	out->fd = -1;
	return err ? thermo_fail(err, "%s: %s", out->path, strerror(-err)) : 0;
}

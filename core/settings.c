// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * settings.c - record, change, put back.  The mutex is held over files of /proc and
 * /sys and one small file of ours; nothing else waits for it but another change.
 */
#include "core/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/error.h"

#define STATE_PATH THERMO_RUN_DIR "/settings.json"
#define STATE_PATH_NEW THERMO_RUN_DIR "/settings.json.new"
#define LOCK_PATH THERMO_RUN_DIR "/lock"

/* The file that proves which boot a recorded state belongs to. */
static void read_boot_id(const struct thermo_host *host, char *text, size_t size)
{
	if (thermo_host_read(host, text, size, "proc/sys/kernel/random/boot_id") < 0)
		text[0] = '\0';
}

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value));
}

static struct json_object *state_to_json(const struct thermo_settings *settings)
{
	struct json_object *root = json_object_new_object();
	struct json_object *list = json_object_new_array();
	char boot_id[64];

	read_boot_id(settings->host, boot_id, sizeof(boot_id));
	add_string(root, "boot_id", boot_id);
	for (unsigned int i = 0; i < settings->nr_changes; i++) {
		const struct thermo_setting_change *c = &settings->changes[i];
		struct json_object *entry = json_object_new_object();

		add_string(entry, "path", c->path);
		add_string(entry, "old", c->old_value);
		add_string(entry, "new", c->new_value);
		add_string(entry, "guard_path", c->guard_path);
		add_string(entry, "guard_value", c->guard_value);
		json_object_array_add(list, entry);
	}
	json_object_object_add(root, "changes", list);
	return root;
}

/* On disk before the setting changes: written aside, synced, renamed. */
static int save_state(const struct thermo_settings *settings)
{
	const struct thermo_host *host = settings->host;

	if (settings->nr_changes == 0) {
		if (unlinkat(host->root_fd, STATE_PATH, 0) < 0 && errno != ENOENT)
			return thermo_fail(-errno, "/%s: %s", STATE_PATH, strerror(errno));
		return 0;
	}

	AUTO_CLOSE int fd =
			thermo_host_open_file(host, O_WRONLY | O_CREAT | O_TRUNC, STATE_PATH_NEW);

	if (fd < 0)
		return fd;
	struct json_object *root = state_to_json(settings);
	int err = 0;

	if (json_object_to_fd(fd, root, JSON_C_TO_STRING_PRETTY) < 0 || fsync(fd) < 0)
		err = thermo_fail(-EIO, "/%s: %s", STATE_PATH_NEW, strerror(errno));
	json_object_put(root);
	if (!err && renameat(host->root_fd, STATE_PATH_NEW, host->root_fd, STATE_PATH) < 0)
		err = thermo_fail(-errno, "/%s: %s", STATE_PATH, strerror(errno));
	return err;
}

static void copy_field(struct json_object *entry, const char *key, char *out, size_t size)
{
	struct json_object *value = NULL;

	out[0] = '\0';
	if (json_object_object_get_ex(entry, key, &value) &&
	    json_object_is_type(value, json_type_string))
		(void)snprintf(out, size, "%s", json_object_get_string(value));
}

/* Only files that we could have changed: nothing in a forged state leads elsewhere. */
static bool path_is_plausible(const char *path)
{
	return (strncmp(path, "proc/sys/", 9) == 0 || strncmp(path, "sys/", 4) == 0) &&
	       !strstr(path, "..");
}

static int load_state(struct thermo_settings *settings)
{
	struct json_object *value = NULL;
	AUTO_FREE char *text = NULL;
	char boot_id[64], saved_boot_id[64];
	ssize_t len = thermo_host_read_all(settings->host, &text, STATE_PATH);

	if (len == -ENOENT)
		return 0;
	if (len < 0)
		return (int)len;
	struct json_object *root = json_tokener_parse(text);

	if (!root || !json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return thermo_fail(
				-EBADMSG,
				"/%s: damaged: check kernel.numa_balancing by hand, then remove it",
				STATE_PATH);
	}
	read_boot_id(settings->host, boot_id, sizeof(boot_id));
	copy_field(root, "boot_id", saved_boot_id, sizeof(saved_boot_id));
	/* After a reboot nothing of it is true any more. */
	if (strcmp(boot_id, saved_boot_id) == 0 &&
	    json_object_object_get_ex(root, "changes", &value) &&
	    json_object_is_type(value, json_type_array)) {
		size_t nr = json_object_array_length(value);

		for (size_t i = 0; i < nr && settings->nr_changes < THERMO_MAX_CHANGES; i++) {
			struct json_object *entry = json_object_array_get_idx(value, i);
			struct thermo_setting_change *c = &settings->changes[settings->nr_changes];

			copy_field(entry, "path", c->path, sizeof(c->path));
			copy_field(entry, "old", c->old_value, sizeof(c->old_value));
			copy_field(entry, "new", c->new_value, sizeof(c->new_value));
			copy_field(entry, "guard_path", c->guard_path, sizeof(c->guard_path));
			copy_field(entry, "guard_value", c->guard_value, sizeof(c->guard_value));
			if (path_is_plausible(c->path))
				settings->nr_changes++;
		}
	}
	json_object_put(root);
	return 0;
}

static int take_lock(struct thermo_settings *settings)
{
	const struct thermo_host *host = settings->host;
	char pid[24];

	(void)mkdirat(host->root_fd, "run", 0755);
	if (mkdirat(host->root_fd, THERMO_RUN_DIR, 0755) < 0 && errno != EEXIST)
		return thermo_fail(-errno, "/%s: %s", THERMO_RUN_DIR, strerror(errno));

	AUTO_CLOSE int fd = thermo_host_open_file(host, O_RDWR | O_CREAT, LOCK_PATH);

	if (fd == -EACCES || fd == -EROFS)
		return thermo_fail(fd, "/%s: %s: run as root, who may write there", LOCK_PATH,
				   strerror(-fd));
	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t n = read(fd, pid, sizeof(pid) - 1);

		pid[n > 0 ? n : 0] = '\0';
		return thermo_fail(-EBUSY, "another thermocline daemon is running (pid %.20s)",
				   n > 0 ? strtok(pid, "\n") : "unknown");
	}
	int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	(void)ftruncate(fd, 0);
	if (pwrite(fd, pid, (size_t)len, 0) != len)
		return thermo_fail(-EIO, "/%s: cannot write", LOCK_PATH);
	settings->lock_fd = take_fd(&fd);
	return 0;
}

int thermo_settings_open(struct thermo_settings *settings, const struct thermo_host *host,
			 unsigned int *nr_left)
{
	int err;

	*settings = (struct thermo_settings){ .host = host, .lock_fd = -1 };
	(void)pthread_mutex_init(&settings->mutex, NULL);
	err = take_lock(settings);
	if (err)
		return err;
	err = load_state(settings);
	if (err)
		return err;
	if (nr_left)
		*nr_left = settings->nr_changes;
	return thermo_settings_restore(settings, 0);
}

static struct thermo_settings *all_of(struct thermo_settings *settings)
{
	return settings->all ? settings->all : settings;
}

void thermo_settings_share(struct thermo_settings *handle, struct thermo_settings *all,
			   unsigned int user)
{
	*handle = (struct thermo_settings){
		.host = all->host, .all = all, .user = user, .lock_fd = -1
	};
}

static struct thermo_setting_change *find_change(struct thermo_settings *all, const char *path)
{
	for (unsigned int i = 0; i < all->nr_changes; i++)
		if (strcmp(all->changes[i].path, path) == 0)
			return &all->changes[i];
	return NULL;
}

/* Changed before: what it was at first is what goes back. */
static int change_again(struct thermo_settings *all, unsigned int user,
			struct thermo_setting_change *c, const char *value)
{
	int err;

	if (c->user && c->user != user)
		return thermo_fail(-EBUSY, "/%s: is changed for another source", c->path);
	c->user = user;
	(void)snprintf(c->new_value, sizeof(c->new_value), "%s", value);
	err = save_state(all);
	return err ? err : thermo_host_write(all->host, value, "%s", c->path);
}

/* Somebody took @path: until it reads otherwise than he left it, it is his. */
static int check_taken(struct thermo_settings *all, const char *path, const char *now)
{
	for (unsigned int i = 0; i < all->nr_taken; i++) {
		if (strcmp(all->taken[i].path, path) != 0)
			continue;
		if (strcmp(all->taken[i].value, now) == 0)
			return thermo_fail(-EBUSY,
					   "/%s: somebody set it to %s while it was in use here: "
					   "it is left so until it reads otherwise",
					   path, now);
		memmove(&all->taken[i], &all->taken[i + 1],
			(--all->nr_taken - i) * sizeof(all->taken[0]));
		return 0;
	}
	return 0;
}

static int change(struct thermo_settings *all, unsigned int user, const char *path,
		  const char *value)
{
	struct thermo_setting_change *c;
	char old_value[sizeof(c->old_value)];
	int err = thermo_host_read(all->host, old_value, sizeof(old_value), "%s", path);

	if (err < 0)
		return err;
	if (err == sizeof(old_value) - 1)
		return thermo_fail(-EOVERFLOW, "/%s: holds more than could be put back", path);
	if (strcmp(old_value, value) == 0)
		return 0;
	err = check_taken(all, path, old_value);
	if (err)
		return err;
	c = find_change(all, path);
	if (c)
		return change_again(all, user, c, value);
	if (all->nr_changes == THERMO_MAX_CHANGES)
		return thermo_fail(-ENOSPC, "/%s: more than %d settings changed", path,
				   THERMO_MAX_CHANGES);

	c = &all->changes[all->nr_changes];
	*c = (struct thermo_setting_change){ .user = user };
	(void)snprintf(c->path, sizeof(c->path), "%s", path);
	(void)snprintf(c->old_value, sizeof(c->old_value), "%s", old_value);
	(void)snprintf(c->new_value, sizeof(c->new_value), "%s", value);
	all->nr_changes++;
	err = save_state(all);
	if (!err)
		err = thermo_host_write(all->host, value, "%s", path);
	if (err) {
		all->nr_changes--;
		(void)save_state(all);
	}
	return err;
}

int thermo_settings_change(struct thermo_settings *settings, const char *path, const char *value)
{
	struct thermo_settings *all = all_of(settings);

	pthread_mutex_lock(&all->mutex);
	int err = change(all, settings->user, path, value);

	pthread_mutex_unlock(&all->mutex);
	return err;
}

int thermo_settings_may_change(struct thermo_settings *settings, const char *path)
{
	struct thermo_settings *all = all_of(settings);
	char now[64];
	int err = thermo_host_read(all->host, now, sizeof(now), "%s", path);

	if (err < 0)
		return err;
	pthread_mutex_lock(&all->mutex);
	err = check_taken(all, path, now);
	pthread_mutex_unlock(&all->mutex);
	return err;
}

static int guard(struct thermo_settings *all, const char *path, const char *guard_path)
{
	struct thermo_setting_change *c = find_change(all, path);
	int len;

	if (!c)
		return 0;
	len = thermo_host_read(all->host, c->guard_value, sizeof(c->guard_value), "%s", guard_path);
	if (len < 0)
		return len;
	(void)snprintf(c->guard_path, sizeof(c->guard_path), "%s", guard_path);
	return save_state(all);
}

int thermo_settings_guard(struct thermo_settings *settings, const char *path,
			  const char *guard_path)
{
	struct thermo_settings *all = all_of(settings);

	pthread_mutex_lock(&all->mutex);
	int err = guard(all, path, guard_path);

	pthread_mutex_unlock(&all->mutex);
	return err;
}

static void note_taken(struct thermo_settings *all, const char *path, const char *value)
{
	struct thermo_setting_taken *t;

	for (unsigned int i = 0; i < all->nr_taken; i++)
		if (strcmp(all->taken[i].path, path) == 0) {
			(void)snprintf(all->taken[i].value, sizeof(all->taken[i].value), "%s",
				       value);
			return;
		}
	if (all->nr_taken == THERMO_MAX_TAKEN)
		memmove(&all->taken[0], &all->taken[1], --all->nr_taken * sizeof(all->taken[0]));
	t = &all->taken[all->nr_taken++];
	(void)snprintf(t->path, sizeof(t->path), "%s", path);
	(void)snprintf(t->value, sizeof(t->value), "%s", value);
}

static int check(struct thermo_settings *all, const char *path)
{
	const struct thermo_setting_change *c = find_change(all, path);
	char now[sizeof(c->new_value)];
	int len;

	if (!c)
		return 0;
	len = thermo_host_read(all->host, now, sizeof(now), "%s", path);
	if (len < 0)
		return len;
	if (strcmp(now, c->new_value) == 0)
		return 0;
	note_taken(all, path, now);
	return thermo_fail(-EBUSY, "somebody set /%s to %s, where it was %s for us: left to them",
			   path, now, c->new_value);
}

int thermo_settings_check(struct thermo_settings *settings, const char *path)
{
	struct thermo_settings *all = all_of(settings);

	pthread_mutex_lock(&all->mutex);
	int err = check(all, path);

	pthread_mutex_unlock(&all->mutex);
	return err;
}

enum owner { OURS, SOMEBODY_ELSES, OUT_OF_REACH };

static enum owner owner_of(const struct thermo_host *host, const struct thermo_setting_change *c)
{
	char now[sizeof(c->new_value)];

	if (c->guard_path[0]) {
		if (thermo_host_read(host, now, sizeof(now), "%s", c->guard_path) < 0 ||
		    strcmp(now, c->guard_value) != 0)
			return SOMEBODY_ELSES;
	}
	if (thermo_host_read(host, now, sizeof(now), "%s", c->path) < 0)
		return OUT_OF_REACH;
	return strcmp(now, c->new_value) == 0 ? OURS : SOMEBODY_ELSES;
}

static int restore(struct thermo_settings *settings, unsigned int keep)
{
	int err = 0;

	if (settings->nr_changes <= keep)
		return 0;
	while (settings->nr_changes > keep) {
		const struct thermo_setting_change *c =
				&settings->changes[settings->nr_changes - 1];

		if (owner_of(settings->host, c) == OURS) {
			int e = thermo_host_write(settings->host, c->old_value, "%s", c->path);

			err = err ? err : e;
		}
		settings->nr_changes--;
	}
	int e = save_state(settings);

	return err ? err : e;
}

/* What is out of reach, or cannot be written, stays recorded, as nobody's. */
static int restore_of(struct thermo_settings *all, unsigned int user)
{
	bool any = false;
	int err = 0;

	for (unsigned int i = all->nr_changes; i-- > 0;) {
		struct thermo_setting_change *c = &all->changes[i];
		enum owner owner;
		int e = 0;

		if (c->user != user)
			continue;
		any = true;
		owner = owner_of(all->host, c);
		if (owner == OURS)
			e = thermo_host_write(all->host, c->old_value, "%s", c->path);
		err = err ? err : e;
		if (owner == OUT_OF_REACH || e) {
			c->user = 0;
			continue;
		}
		memmove(c, c + 1, (--all->nr_changes - i) * sizeof(*c));
	}
	int e = any ? save_state(all) : 0;

	return err ? err : e;
}

int thermo_settings_restore(struct thermo_settings *settings, unsigned int keep)
{
	struct thermo_settings *all = all_of(settings);

	pthread_mutex_lock(&all->mutex);
	int err = settings->all ? restore_of(all, settings->user) : restore(settings, keep);

	pthread_mutex_unlock(&all->mutex);
	return err;
}

int thermo_settings_close(struct thermo_settings *settings)
{
	int err = 0;

	/* Without the lock nothing was changed, and what is recorded is not ours. */
	if (settings->host && settings->lock_fd >= 0) {
		err = thermo_settings_restore(settings, 0);
		(void)close(settings->lock_fd);
	}
	*settings = (struct thermo_settings){ .lock_fd = -1 };
	return err;
}

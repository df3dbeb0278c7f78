// SPDX-License-Identifier: GPL-2.0-or-later
/* pmu.c - read a PMU's files, and make terms into bits. */
#include "sources/pmu.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

/* The longest event string of any kernel has about 100 characters. */
#define TEXT_BYTES 512

bool pmu_exists(const struct thermo_host *host, const char *name)
{
	char path[PMU_PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s/type", PMU_DEVICES, name);
	return pmu_name_is_sane(name) && faccessat(host->root_fd, path, F_OK, 0) == 0;
}

static bool has_file(const struct pmu *pmu, const char *folder, const char *name)
{
	char path[PMU_PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s/%s/%s", PMU_DEVICES, pmu->name, folder, name);
	return pmu_name_is_sane(name) && faccessat(pmu->host->root_fd, path, F_OK, 0) == 0;
}

/* A short line of @folder/@name.  Return: 0 or -errno with a reason. */
static int read_line(const struct pmu *pmu, char text[TEXT_BYTES], const char *folder,
		     const char *name)
{
	int len = thermo_host_read(pmu->host, text, TEXT_BYTES, PMU_DEVICES "/%s/%s/%s", pmu->name,
				   folder, name);

	if (len < 0)
		return len;
	if (len >= TEXT_BYTES - 1 || strlen(text) != (size_t)len || strchr(text, '\n'))
		return thermo_fail(-EINVAL, "/" PMU_DEVICES "/%s/%s/%s: not one line of text",
				   pmu->name, folder, name);
	return 0;
}

/*
 * Hybrid core PMUs have cpus, PMUs outside the cores cpumask; a core PMU that counts on
 * all CPUs has neither.
 */
static int read_cpus(struct pmu *pmu)
{
	static const char *const files[] = { "cpus", "cpumask" };

	for (size_t i = 0; i < 2; i++) {
		char path[PMU_PATH_BYTES];

		(void)snprintf(path, sizeof(path), "%s/%s/%s", PMU_DEVICES, pmu->name, files[i]);
		if (faccessat(pmu->host->root_fd, path, F_OK, 0) == 0)
			return thermo_host_read_list(pmu->host, pmu->cpus, "%s", path);
	}
	return thermo_host_read_list(pmu->host, pmu->cpus, "sys/devices/system/cpu/online");
}

int pmu_open(struct pmu *pmu, const struct thermo_host *host, const char *name)
{
	uint64_t type;

	*pmu = (struct pmu){ .host = host };
	if (!pmu_exists(host, name))
		return thermo_fail(-ENODEV, "/" PMU_DEVICES ": no PMU '%.40s'", name);
	(void)snprintf(pmu->name, sizeof(pmu->name), "%s", name);
	int err = thermo_host_read_u64(host, &type, PMU_DEVICES "/%s/type", name);

	if (err)
		return err;
	if (type > INT32_MAX)
		return thermo_fail(-EINVAL, "/" PMU_DEVICES "/%s/type: %" PRIu64 " is no type",
				   name, type);
	pmu->type = (uint32_t)type;
	pmu->cpus = hwloc_bitmap_alloc();
	if (!pmu->cpus)
		return thermo_fail(-ENOMEM, "%s: no memory", name);
	return read_cpus(pmu);
}

void pmu_close(struct pmu *pmu)
{
	hwloc_bitmap_free(pmu->cpus);
	*pmu = (struct pmu){ 0 };
}

bool pmu_has_event(const struct pmu *pmu, const char *event)
{
	return has_file(pmu, "events", event);
}

bool pmu_has_format(const struct pmu *pmu, const char *term)
{
	return has_file(pmu, "format", term);
}

uint64_t pmu_cap(const struct pmu *pmu, const char *cap, uint64_t missing)
{
	uint64_t value;

	if (!has_file(pmu, "caps", cap) ||
	    thermo_host_read_u64(pmu->host, &value, PMU_DEVICES "/%s/caps/%s", pmu->name, cap))
		return missing;
	return value;
}

void pmu_cap_text(const struct pmu *pmu, const char *cap, char *text, size_t size)
{
	text[0] = '\0';
	if (has_file(pmu, "caps", cap) &&
	    thermo_host_read(pmu->host, text, size, PMU_DEVICES "/%s/caps/%s", pmu->name, cap) < 0)
		text[0] = '\0';
}

static int put_format(const struct pmu *pmu, union pmu_attr *attr, const struct pmu_term *term)
{
	struct pmu_format format;
	char text[TEXT_BYTES];
	int err = read_line(pmu, text, "format", term->name);

	if (err)
		return err;
	err = pmu_format_parse(text, &format);
	if (err)
		return thermo_fail(err, "/" PMU_DEVICES "/%s/format/%s: %s: '%.40s'", pmu->name,
				   term->name,
				   err == -EOPNOTSUPP ? "a word that we cannot set"
						      : "not a format",
				   text);
	err = pmu_format_put(&format, attr, term->value);
	if (err)
		return thermo_fail(
				err, "%s: %s=%#" PRIx64 ": at most %#" PRIx64 " (format '%.40s')",
				pmu->name, term->name, term->value, pmu_format_max(&format), text);
	return 0;
}

/* Terms that every PMU has.  Return: true when it was one. */
static bool put_common(union pmu_attr *attr, const struct pmu_term *term)
{
	int word = pmu_word_of(term->name);

	if (word >= 0 && term->has_value) {
		*pmu_attr_word(attr, (enum pmu_word)word) = term->value;
		return true;
	}
	if (strcmp(term->name, "period") == 0 && term->has_value) {
		attr->perf.sample_period = term->value;
		return true;
	}
	return false;
}

static int put_term_of_event(const struct pmu *pmu, union pmu_attr *attr,
			     const struct pmu_term *term)
{
	if (put_common(attr, term))
		return 0;
	if (pmu_has_format(pmu, term->name))
		return put_format(pmu, attr, term);
	return thermo_fail(-EINVAL, "%s: '%s' is none of its terms: see /" PMU_DEVICES "/%s/format",
			   pmu->name, term->name, pmu->name);
}

/* Walk @terms with @put; @where names the text in errors. */
static int
walk_terms(const struct pmu *pmu, union pmu_attr *attr, const char *terms, const char *where,
	   int (*put)(const struct pmu *pmu, union pmu_attr *attr, const struct pmu_term *term))
{
	struct pmu_term term;

	while (*terms) {
		int got = pmu_term_next(&terms, &term);

		if (got < 0)
			return thermo_fail(got, "%s/%s: '%.60s' is no list of terms: name=number%s",
					   pmu->name, where, terms,
					   got == -ERANGE ? " of 64 bits" : "");
		int err = put(pmu, attr, &term);

		if (err)
			return err;
	}
	return 0;
}

static int put_event(const struct pmu *pmu, union pmu_attr *attr, const char *event)
{
	char text[TEXT_BYTES], where[PMU_NAME_BYTES + 8];
	int err = read_line(pmu, text, "events", event);

	if (err)
		return err;
	(void)snprintf(where, sizeof(where), "events/%s", event);
	return walk_terms(pmu, attr, text, where, put_term_of_event);
}

/* An event's own text names no further events: nothing can go round in circles. */
static int put_term(const struct pmu *pmu, union pmu_attr *attr, const struct pmu_term *term)
{
	if (!term->has_value && pmu_has_event(pmu, term->name))
		return put_event(pmu, attr, term->name);
	if (!term->has_value && !pmu_has_format(pmu, term->name))
		return thermo_fail(-ENOENT,
				   "%s: no event and no term '%s' below /" PMU_DEVICES "/%s",
				   pmu->name, term->name, pmu->name);
	return put_term_of_event(pmu, attr, term);
}

int pmu_put_terms(const struct pmu *pmu, union pmu_attr *attr, const char *terms)
{
	return walk_terms(pmu, attr, terms, "", put_term);
}

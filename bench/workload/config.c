/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.c - a config's paragraphs: regions first, then phases and thread lines.
 *
 * masim separates paragraphs by an empty line and drops lines that begin with
 * '#'.  A thread line is a paragraph of its own; masim has no paragraph of a
 * single line, so that no masim config changes its meaning here.
 */
#include "bench/workload/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/workload/config_pattern.h"
#include "bench/workload/cpu_list.h"
#include "core/error.h"
#include "core/number.h"

#define NS_PER_MS UINT64_C(1000000)
#define DEFAULT_THREAD_NAME "main"

/* The text while it is read, and the lines of the current paragraph. */
struct parser {
	struct workload_config *config;
	struct workload_place place;
	enum workload_mode mode;
	char *rest; /* what is still to be read; NULL at the end */
	struct line {
		char *text;
		unsigned int nr;
	} * lines;
	size_t nr_lines;
	bool own_threads; /* a thread line was met */
};

/*
 * Room for one more in an array of @nr; grows at powers of two.
 * Return: the array, or NULL when there is no memory; then @array still stands.
 */
static void *grow(void *array, size_t nr, size_t size)
{
	void *more = array;

	if (nr == 0 || (nr & (nr - 1)) == 0)
		more = reallocarray(array, nr ? 2 * nr : 1, size);
	if (!more)
		(void)thermo_fail(-ENOMEM, "config: out of memory");
	return more;
}

static int copy_name(struct parser *p, const char *what, const char *text, char **name)
{
	if (*text == '\0')
		return place_fail(&p->place, "%s without a name: write one", what);
	if (strlen(text) > WORKLOAD_MAX_NAME_BYTES)
		return place_fail(&p->place, "%s name longer than %u bytes: shorten it", what,
				  WORKLOAD_MAX_NAME_BYTES);
	*name = strdup(text);
	return *name ? 0 : thermo_fail(-ENOMEM, "config: out of memory");
}

static int parse_region_bytes(struct parser *p, const char *text, struct workload_region *r)
{
	uint64_t *total_bytes = &p->config->total_bytes;
	int err = thermo_parse_bytes(text, WORKLOAD_MAX_TOTAL_BYTES, &r->bytes);

	if (err == -EINVAL)
		return place_fail(&p->place, "size '%.20s': write bytes, such as 4096, 64K or 96M",
				  text);
	if (err || r->bytes > WORKLOAD_MAX_TOTAL_BYTES - *total_bytes)
		return place_fail(&p->place,
				  "regions of more than 16T in total: make '%.40s' "
				  "smaller",
				  r->name);
	if (r->bytes < sizeof(uint64_t))
		return place_fail(&p->place,
				  "region of %ju bytes: an access takes 8, "
				  "make it larger",
				  (uintmax_t)r->bytes);
	*total_bytes += workload_region_mapped_bytes(r);
	return 0;
}

static int parse_region(struct parser *p, char *line)
{
	struct workload_config *c = p->config;
	struct workload_region *r;
	char *fields[3];
	size_t nr_fields = workload_split(line, fields, 3);
	int err;

	if (nr_fields != 2 && nr_fields != 3)
		return place_fail(&p->place, "region line of %zu fields: write name, bytes[, file]",
				  nr_fields);
	if (c->nr_regions == WORKLOAD_MAX_REGIONS)
		return place_fail(&p->place, "more than %u regions: use fewer",
				  WORKLOAD_MAX_REGIONS);
	for (size_t i = 0; i < c->nr_regions; i++)
		if (strcmp(c->regions[i].name, fields[0]) == 0)
			return place_fail(&p->place, "region '%.40s' again: rename it", fields[0]);

	r = grow(c->regions, c->nr_regions, sizeof(*r));
	if (!r)
		return -ENOMEM;
	c->regions = r;
	r += c->nr_regions++;
	*r = (struct workload_region){ 0 };
	err = copy_name(p, "region", fields[0], &r->name);
	if (err)
		return err;
	err = parse_region_bytes(p, fields[1], r);
	if (err)
		return err;
	if (nr_fields == 3 && strcmp(fields[2], "none") != 0)
		return copy_name(p, "data file", fields[2], &r->data_path);
	return 0;
}

static int add_thread(struct parser *p, const char *name)
{
	struct workload_config *c = p->config;
	struct workload_thread *t;

	if (c->nr_threads == WORKLOAD_MAX_THREADS)
		return place_fail(&p->place, "more than %u threads: use fewer",
				  WORKLOAD_MAX_THREADS);
	t = grow(c->threads, c->nr_threads, sizeof(*t));
	if (!t)
		return -ENOMEM;
	c->threads = t;
	t += c->nr_threads++;
	*t = (struct workload_thread){ 0 };
	return copy_name(p, "thread", name, &t->name);
}

/* "thread NAME [cpu=N] [cpus=LIST]" */
static int parse_thread(struct parser *p, char *line)
{
	const char *word;
	struct workload_thread *t;
	char *save;
	int err;

	(void)strtok_r(line, " \t", &save); /* the word "thread" itself */
	word = strtok_r(NULL, " \t", &save);
	if (p->config->nr_threads > 0 && !p->own_threads)
		return place_fail(&p->place, "thread line after phases of no thread: "
					     "put one before the first phase");
	p->own_threads = true;
	err = add_thread(p, word ? word : "");
	if (err)
		return err;

	t = &p->config->threads[p->config->nr_threads - 1];
	while ((word = strtok_r(NULL, " \t", &save))) {
		uint64_t cpu;

		if (t->pinned)
			return place_fail(&p->place, "'%.20s' after the CPUs: give them once",
					  word);
		if (strncmp(word, "cpu=", 4) == 0 &&
		    thermo_parse_u64(word + 4, CPU_SETSIZE - 1, &cpu) == 0)
			CPU_SET(cpu, &t->cpus);
		else if (strncmp(word, "cpus=", 5) != 0 || workload_parse_cpus(word + 5, &t->cpus))
			return place_fail(&p->place,
					  "'%.20s' in a thread line: "
					  "write cpu=N or cpus=LIST, such as cpus=0-3,8",
					  word);
		t->pinned = true;
	}
	return 0;
}

static int parse_pattern(struct parser *p, struct workload_phase *phase, char *line)
{
	struct workload_pattern *pattern;
	int err;

	if (p->config->nr_patterns == WORKLOAD_MAX_PATTERNS)
		return place_fail(&p->place, "more than %u access lines: use fewer",
				  WORKLOAD_MAX_PATTERNS);
	pattern = grow(phase->patterns, phase->nr_patterns, sizeof(*pattern));
	if (!pattern)
		return -ENOMEM;
	phase->patterns = pattern;
	pattern += phase->nr_patterns;
	err = workload_pattern_parse(pattern, p->config, &p->place, line, p->mode);
	if (err)
		return err;
	phase->nr_patterns++;
	phase->total_weight += pattern->weight;
	p->config->nr_patterns++;
	return 0;
}

static int parse_phase_lines(struct parser *p, struct workload_phase *phase)
{
	uint64_t time_ms;
	int err = copy_name(p, "phase", p->lines[0].text, &phase->name);

	if (err)
		return err;
	if (p->nr_lines < 3)
		return place_fail(&p->place,
				  "phase '%.40s' of %zu lines: "
				  "write name, milliseconds, access lines",
				  phase->name, p->nr_lines);
	p->place.line = p->lines[1].nr;
	if (thermo_parse_u64(p->lines[1].text, WORKLOAD_MAX_TIME_MS, &time_ms))
		return place_fail(&p->place,
				  "phase '%.40s' for '%.20s': write milliseconds, at "
				  "most 30 days (a thread line needs an empty line after it)",
				  phase->name, p->lines[1].text);
	phase->time_ns = time_ms * NS_PER_MS;
	for (size_t i = 2; i < p->nr_lines; i++) {
		p->place.line = p->lines[i].nr;
		err = parse_pattern(p, phase, p->lines[i].text);
		if (err)
			return err;
	}
	if (phase->total_weight == 0)
		return place_fail(&p->place, "phase '%.40s': all weights are 0: raise one",
				  phase->name);
	return 0;
}

static int parse_phase(struct parser *p)
{
	struct workload_thread *t;
	struct workload_phase *phase;
	int err;

	if (p->config->nr_threads == 0) {
		err = add_thread(p, DEFAULT_THREAD_NAME);
		if (err)
			return err;
	}
	t = &p->config->threads[p->config->nr_threads - 1];
	if (t->nr_phases == WORKLOAD_MAX_PHASES)
		return place_fail(&p->place, "more than %u phases in a thread: use fewer",
				  WORKLOAD_MAX_PHASES);
	phase = grow(t->phases, t->nr_phases, sizeof(*phase));
	if (!phase)
		return -ENOMEM;
	t->phases = phase;
	phase += t->nr_phases++;
	*phase = (struct workload_phase){ 0 };
	err = parse_phase_lines(p, phase);
	t->time_ns += phase->time_ns;
	return err;
}

/* Masim takes control bytes as they come; names go to terminals and JSON, so we do not. */
static bool has_control(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return true;
	return false;
}

/* Collects the lines up to the next empty one.  Return: their number or -errno. */
static int next_paragraph(struct parser *p, unsigned int *line_nr)
{
	char *text;

	p->nr_lines = 0;
	while ((text = strsep(&p->rest, "\n"))) {
		struct line *lines;

		++*line_nr;
		text = workload_trim(text);
		if (*text == '#')
			continue;
		if (*text == '\0') {
			if (p->nr_lines > 0)
				break;
			continue;
		}
		p->place.line = *line_nr;
		if (has_control(text))
			return place_fail(&p->place, "control character: remove it");
		if (p->nr_lines > WORKLOAD_MAX_PATTERNS)
			return place_fail(&p->place, "paragraph of more than %u lines: split it",
					  WORKLOAD_MAX_PATTERNS);
		lines = grow(p->lines, p->nr_lines, sizeof(*lines));
		if (!lines)
			return -ENOMEM;
		p->lines = lines;
		lines[p->nr_lines++] = (struct line){ text, *line_nr };
	}
	if (p->nr_lines > 0)
		p->place.line = p->lines[0].nr;
	return (int)p->nr_lines;
}

static bool is_thread_line(const char *text)
{
	return strncmp(text, "thread", 6) == 0 && strchr(" \t", text[6]);
}

/* After the last paragraph. */
static int check_whole(struct parser *p)
{
	const struct workload_config *c = p->config;

	if (c->nr_regions == 0)
		return place_fail(&p->place, "no regions: begin with lines of name, bytes");
	if (c->nr_threads == 0)
		return place_fail(&p->place, "no phases: after an empty line, "
					     "write name, milliseconds, access lines");
	for (size_t i = 0; i < c->nr_threads; i++)
		if (c->threads[i].time_ns == 0)
			return place_fail(&p->place,
					  "thread '%.40s' has no phase that takes time: "
					  "give it one",
					  c->threads[i].name);
	return 0;
}

static int parse_paragraphs(struct parser *p)
{
	unsigned int line_nr = 0;
	int err = next_paragraph(p, &line_nr);

	for (size_t i = 0; err >= 0 && i < p->nr_lines; i++) {
		p->place.line = p->lines[i].nr;
		err = parse_region(p, p->lines[i].text);
	}
	while (err >= 0) {
		err = next_paragraph(p, &line_nr);
		if (err <= 0)
			break;
		if (p->nr_lines == 1 && is_thread_line(p->lines[0].text))
			err = parse_thread(p, p->lines[0].text);
		else
			err = parse_phase(p);
	}
	return err < 0 ? err : check_whole(p);
}

int workload_config_parse(struct workload_config *config, const char *name, const char *text,
			  size_t text_bytes, enum workload_mode mode)
{
	struct parser p = { .config = config, .place = { name, 1 }, .mode = mode };
	const char *nul = memchr(text, '\0', text_bytes);
	char *copy;
	int err;

	if (text_bytes > WORKLOAD_MAX_CONFIG_BYTES)
		return place_fail(&p.place, "config of more than %u MiB: split it",
				  WORKLOAD_MAX_CONFIG_BYTES >> 20);
	if (nul) {
		for (const char *c = text; c < nul; c++)
			p.place.line += *c == '\n';
		return place_fail(&p.place, "NUL byte: this is no text file, give a config");
	}
	copy = strndup(text, text_bytes);
	if (!copy)
		return thermo_fail(-ENOMEM, "config: out of memory");
	p.rest = copy;
	err = parse_paragraphs(&p);
	free(p.lines);
	free(copy);
	return err;
}

/* Return: how many bytes were read, one more than allowed at most, or -errno. */
static ssize_t read_file(const char *path, char *text)
{
	size_t n = 0;
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return thermo_fail(-errno, "%.100s: %s", path, strerror(errno));
	do {
		n += (size_t)got;
		got = read(fd, text + n, WORKLOAD_MAX_CONFIG_BYTES + 1 - n);
	} while (got > 0);
	if (got < 0)
		got = thermo_fail(-errno, "%.100s: %s", path, strerror(errno));
	(void)close(fd);
	return got < 0 ? got : (ssize_t)n;
}

int workload_config_load(struct workload_config *config, const char *path, enum workload_mode mode)
{
	char *text = calloc(1, WORKLOAD_MAX_CONFIG_BYTES + 1);
	ssize_t n;
	int err;

	if (!text)
		return thermo_fail(-ENOMEM, "config: out of memory");
	n = read_file(path, text);
	err = n < 0 ? (int)n : workload_config_parse(config, path, text, (size_t)n, mode);
	free(text);
	return err;
}

static void fini_thread(struct workload_thread *t)
{
	for (size_t i = 0; i < t->nr_phases; i++) {
		free(t->phases[i].name);
		free(t->phases[i].patterns);
	}
	free(t->phases);
	free(t->name);
}

void workload_config_fini(struct workload_config *config)
{
	for (size_t i = 0; i < config->nr_threads; i++)
		fini_thread(&config->threads[i]);
	for (size_t i = 0; i < config->nr_regions; i++) {
		free(config->regions[i].name);
		free(config->regions[i].data_path);
	}
	free(config->threads);
	free(config->regions);
	*config = (struct workload_config){ 0 };
}

static void scale_thread(struct workload_thread *t, double factor)
{
	t->time_ns = 0;
	for (size_t i = 0; i < t->nr_phases; i++) {
		struct workload_phase *phase = &t->phases[i];

		phase->time_ns = (uint64_t)((double)phase->time_ns * factor);
		t->time_ns += phase->time_ns;
		for (size_t j = 0; j < phase->nr_patterns; j++) {
			uint64_t *ns = &phase->patterns[j].move_ns;

			/* Never to 0, by which the position is divided. */
			if (*ns)
				*ns = (uint64_t)((double)*ns * factor) + 1;
		}
	}
}

void workload_config_scale(struct workload_config *config, uint64_t duration_ns)
{
	uint64_t longest_ns = 1;

	for (size_t i = 0; i < config->nr_threads; i++)
		if (config->threads[i].time_ns > longest_ns)
			longest_ns = config->threads[i].time_ns;
	for (size_t i = 0; i < config->nr_threads; i++)
		scale_thread(&config->threads[i], (double)duration_ns / (double)longest_ns);
}

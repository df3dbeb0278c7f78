// SPDX-License-Identifier: GPL-2.0-or-later
/* script_text.c - see script_text.h.  Pure: each line for itself. */
#include "sources/script_text.h"

#include <ctype.h>
#include <string.h>

/* A word of the line. */
struct word {
	const char *at;
	size_t len;
};

static struct word next_word(const char **at)
{
	struct word w;

	while (**at == ' ')
		(*at)++;
	w.at = *at;
	while (**at && **at != ' ')
		(*at)++;
	w.len = (size_t)(*at - w.at);
	return w;
}

static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 99;
}

/* Return: how many of @len bytes are digits of @base that fit a number, from the first on. */
static size_t take_number(const char *at, size_t len, unsigned int base, uint64_t *value)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned int digit = digit_of(at[i]);

		if (digit >= base)
			break;
		if (v > (UINT64_MAX - digit) / base)
			return 0;
		v = v * base + digit;
	}
	*value = v;
	return i;
}

static bool is_number(const struct word *w, unsigned int base, uint64_t *value)
{
	return w->len > 0 && take_number(w->at, w->len, base, value) == w->len;
}

/* "13166.196585:", of any number of places. */
static bool is_time(const struct word *w, uint64_t *time_ns)
{
	uint64_t seconds, fraction;
	size_t n = take_number(w->at, w->len, 10, &seconds), places;

	if (n == 0 || n + 3 > w->len || w->at[n] != '.' || w->at[w->len - 1] != ':' ||
	    seconds >= UINT64_MAX / 1000000000 - 1)
		return false;
	places = w->len - n - 2;
	if (places > 9 || take_number(w->at + n + 1, places, 10, &fraction) != places)
		return false;
	for (; places < 9; places++)
		fraction *= 10;
	*time_ns = seconds * 1000000000 + fraction;
	return true;
}

/* "[028]" */
static bool is_cpu(const struct word *w, uint64_t *cpu)
{
	return w->len >= 3 && w->at[0] == '[' && w->at[w->len - 1] == ']' &&
	       take_number(w->at + 1, w->len - 2, 10, cpu) == w->len - 2 && *cpu < UINT32_MAX;
}

/* "[-01]", as perf prints a CPU that is not known. */
static bool is_no_cpu(const struct word *w)
{
	return w->len >= 4 && w->at[0] == '[' && w->at[1] == '-' && w->at[w->len - 1] == ']';
}

static size_t take_id(const char *at, size_t len, int32_t *id)
{
	bool negative = len > 0 && at[0] == '-';
	uint64_t value = 0;
	size_t n = take_number(at + negative, len - negative, 10, &value);

	if (n == 0 || value > INT32_MAX)
		return 0;
	*id = negative ? -1 : (int32_t)value;
	return n + negative;
}

/* "20132/20144", or one number for both. */
static bool is_ids(const struct word *w, int32_t *pid, int32_t *tid)
{
	size_t n = take_id(w->at, w->len, pid), m;

	if (n == 0)
		return false;
	*tid = *pid;
	if (n == w->len)
		return true;
	if (w->at[n] != '/')
		return false;
	m = take_id(w->at + n + 1, w->len - n - 1, tid);
	return m > 0 && n + 1 + m == w->len;
}

/* --- who and when --- */

/* Names hold blanks, digits, brackets: what is before pid or tid is the name. */
static void take_comm(const char *from, const char *to, struct script_line *line)
{
	size_t len;

	while (from < to && *from == ' ')
		from++;
	while (to > from && to[-1] == ' ')
		to--;
	len = (size_t)(to - from);
	len = len < sizeof(line->comm) ? len : sizeof(line->comm) - 1;
	memcpy(line->comm, from, len);
}

/*
 * Up to the first time of the line; pid and CPU are the last words before it that look
 * like them.  Return: what follows; NULL when it is not of that form.
 */
static const char *take_who(const char *text, struct script_line *line)
{
	const char *at = text, *ids_at = NULL;
	struct perf_sample *s = &line->sample;
	int32_t pid, tid;
	uint64_t cpu;

	for (struct word w = next_word(&at); w.len; w = next_word(&at)) {
		if (is_time(&w, &s->time_ns)) {
			if (!ids_at)
				return NULL;
			take_comm(text, ids_at, line);
			line->sample_type |= PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
			return at;
		}
		if (is_cpu(&w, &cpu) && ids_at) {
			s->cpu = (uint32_t)cpu;
			line->sample_type |= PERF_SAMPLE_CPU;
		} else if (is_no_cpu(&w)) {
			line->sample_type &= ~(uint64_t)PERF_SAMPLE_CPU;
		} else if (is_ids(&w, &pid, &tid)) {
			ids_at = w.at;
			s->pid = pid;
			s->tid = tid;
			line->sample_type &= ~(uint64_t)PERF_SAMPLE_CPU;
		}
	}
	return NULL;
}

/* --- what --- */

/*
 * "   10009 cpu/mem-loads,ldlat=30/P: ", or "raw 0x1cd: ": up to a word that ends the name.
 * Return: what follows, or NULL.
 */
static const char *take_event(const char *at, struct script_line *line)
{
	struct word w = next_word(&at), first;
	uint64_t number;
	size_t len;

	if (is_number(&w, 10, &number)) {
		line->sample.period = number;
		line->sample_type |= PERF_SAMPLE_PERIOD;
		w = next_word(&at);
	}
	if (is_number(&w, 16, &number))
		return NULL;
	for (first = w; w.len && w.at[w.len - 1] != ':'; w = next_word(&at))
		;
	if (w.len == 0 || w.at + w.len - 1 == first.at)
		return NULL;
	len = (size_t)(w.at + w.len - 1 - first.at);
	len = len < sizeof(line->event) ? len : sizeof(line->event) - 1;
	memcpy(line->event, first.at, len);
	return at;
}

/* "|OP LOAD|LVL L1 or L1 hit|SNP ...": where its last part begins. */
static const char *last_part(const char *at)
{
	const char *bar = strchr(at, '|');

	while (bar) {
		size_t n = strspn(bar + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		if (n < 2 || bar[1 + n] != ' ')
			break;
		at = bar + 1;
		bar = strchr(at, '|');
	}
	return at;
}

/* The first number behind the words, if it is there: the weight. */
static const char *take_weight(const char *at, struct script_line *line)
{
	const char *from = last_part(at);
	uint64_t value;

	for (struct word w = next_word(&from); w.len; w = next_word(&from)) {
		if (!is_number(&w, 10, &value))
			continue;
		line->sample.latency_cycles = value;
		line->sample_type |= PERF_SAMPLE_WEIGHT;
		return from;
	}
	return at;
}

static void take_addr(struct script_line *line, uint64_t addr)
{
	line->sample.addr = addr;
	line->sample_type |= PERF_SAMPLE_ADDR;
}

/* The last number, when it comes after the file in which the instruction is. */
static void take_phys_addr(const char *at, struct script_line *line)
{
	const char *dso_end = NULL;
	uint64_t value;

	for (const char *p = strstr(at, ") "); p; p = strstr(p + 1, ") "))
		dso_end = p + 1;
	if (!dso_end)
		return;
	struct word w = next_word(&dso_end);

	if (is_number(&w, 16, &value)) {
		line->sample.phys_addr = value;
		line->sample_type |= PERF_SAMPLE_PHYS_ADDR;
	}
}

/* A function may be called "add" or "facade"; hardly an address has no digit. */
static bool is_name(const struct word *w)
{
	for (size_t i = 0; i < w->len; i++)
		if (isdigit((unsigned char)w->at[i]))
			return false;
	return true;
}

/* "4K", "N/A": what perf prints of pages, behind all else. */
static bool is_page_size(const struct word *w)
{
	size_t n = strspn(w->at, "0123456789");

	return (w->len == 3 && strncmp(w->at, "N/A", 3) == 0) ||
	       (n > 0 && n + 1 == w->len && strchr("BKMG", w->at[n]));
}

/* Whether a name may end with @w: "(/bin/ls)", or "main+0x5" where no file is printed. */
static bool ends_a_place(const struct word *w)
{
	return w->len > 3 && (w->at[w->len - 1] == ')' || memmem(w->at, w->len, "+0x", 3));
}

/*
 * Of a page fault perf names both places, "ADDR SYMBOL (DSO) IP SYMBOL (DSO)": @at is behind
 * the first number.  Return: what follows the second; NULL when there is one place only.
 */
static const char *second_place(const char *at)
{
	uint64_t unused;
	bool ended = false;

	for (struct word w = next_word(&at); w.len; w = next_word(&at)) {
		const char *rest = at;
		struct word next = next_word(&rest);

		/* No code is so low that its address has fewer digits. */
		if (ended && w.len >= 4 && is_number(&w, 16, &unused) && !is_name(&w) && next.len &&
		    !is_page_size(&next))
			return at;
		ended = ends_a_place(&w);
	}
	return NULL;
}

/* Return: whether what is there makes sense. */
static bool take_what(const char *at, struct script_line *line)
{
	const char *rest = at, *names = at;
	uint64_t first = 0, value;
	size_t nr = 0;
	struct word w;

	for (w = next_word(&at); is_number(&w, 16, &value); w = next_word(&at)) {
		if (nr && is_name(&w))
			break;
		first = nr++ ? first : value;
		names = at;
	}
	/* More digits than an address has. */
	if (w.len > 16 && strspn(w.at, "0123456789abcdef") >= w.len)
		return false;
	if (w.len >= 3 && strncmp(w.at, "|OP", 3) == 0) {
		/* The number before it is the data source. */
		if (nr == 0 || nr > 2)
			return false;
		if (nr == 2)
			take_addr(line, first);
		w.at = rest;
		for (size_t i = 0; i < nr; i++)
			w = next_word(&rest);
		if (!is_number(&w, 16, &line->sample.data_src))
			return false;
		line->sample_type |= PERF_SAMPLE_DATA_SRC;
		at = take_weight(rest, line);
	} else if (nr >= 2 || (nr == 1 && w.len == 0)) {
		take_addr(line, first);
	} else if (nr == 1 && (names = second_place(names))) {
		take_addr(line, first);
		at = names;
	} else if (nr == 1) {
		line->place = first;
	}
	take_phys_addr(at, line);
	return true;
}

/* "PERF_RECORD_MMAP2 ...", of perf script --show-mmap-events and its like. */
static bool is_other_record(const char *at)
{
	struct word w = next_word(&at);

	return w.len > 12 && strncmp(w.at, "PERF_RECORD_", 12) == 0;
}

bool script_text_is_perfs(const char *text)
{
	struct script_line line = { 0 };
	const char *at;

	if (strcmp(text, "# ========") == 0)
		return true;
	at = *text == '#' || *text == '\t' ? NULL : take_who(text, &line);
	return at && is_other_record(at);
}

enum script_kind script_text_parse(const char *text, struct script_line *line)
{
	const char *at = text + strspn(text, " ");

	*line = (struct script_line){ 0 };
	/* Frames of a call chain are indented by a tab. */
	if (*at == '\0' || *at == '#' || *at == '\t')
		return SCRIPT_ASIDE;
	at = take_who(text, line);
	if (!at)
		return SCRIPT_BAD;
	if (is_other_record(at))
		return SCRIPT_ASIDE;
	at = take_event(at, line);
	return at && take_what(at, line) ? SCRIPT_SAMPLE : SCRIPT_BAD;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* lru_gen.c - see lru_gen.h. */
#include "core/lru_gen.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* More pages than any machine has: a sum of them still fits. */
#define MAX_PAGES (1ull << 44)
#define MAX_NODE INT16_MAX
#define MAX_WORDS 8u
/* The kernel's milliseconds have 32 bits: ages begin anew after 49.7 days. */
#define WRAP_MS (1ull << 32)

struct parser {
	lru_gen_take_fn take;
	void *context;
	struct lru_gen_counts *counts;
	bool in_memcg;
	bool in_node;
	bool is_broken; /* the list is not complete */
	struct lru_gen_list list;
};

struct word {
	uint64_t number;
	char mark; /* a letter right behind it, or 0 */
};

/* Digits and at most a letter.  Return: what follows, or NULL. */
static const char *take_word(const char *at, const char *end, struct word *word)
{
	uint64_t n = 0;

	if (at == end || !isdigit((unsigned char)*at))
		return NULL;
	for (; at < end && isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n))
			return NULL;
	*word = (struct word){ .number = n };
	if (at < end && isalpha((unsigned char)*at))
		word->mark = *at++;
	return at == end || *at == ' ' ? at : NULL;
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && *at == ' ')
		at++;
	return at;
}

/* Return: how many, or -1 when it has anything else. */
static int split(const char *at, const char *end, struct word words[MAX_WORDS])
{
	int nr = 0;

	for (at = skip_blanks(at, end); at < end; at = skip_blanks(at, end)) {
		if (nr == MAX_WORDS)
			return -1;
		at = take_word(at, end, &words[nr++]);
		if (!at)
			return -1;
	}
	return nr;
}

static void unwrap_ages(struct lru_gen_list *l)
{
	for (uint32_t i = l->nr_gens; i-- > 1;) {
		uint64_t younger_ms = l->gens[i].age_ms, *age_ms = &l->gens[i - 1].age_ms;

		while (*age_ms < younger_ms)
			*age_ms += WRAP_MS;
	}
}

static void end_list(struct parser *p)
{
	if (p->in_node && p->list.nr_gens && !p->is_broken) {
		unwrap_ages(&p->list);
		p->counts->nr_lists++;
		p->take(p->context, &p->list);
	}
	p->in_node = p->is_broken = false;
	p->list.nr_gens = 0;
}

static void bad(struct parser *p)
{
	p->counts->nr_bad++;
	p->is_broken = true;
}

static void take_memcg(struct parser *p, const char *at, const char *end)
{
	struct word id;

	end_list(p);
	p->in_memcg = false;
	at = take_word(skip_blanks(at, end), end, &id);
	if (!at || id.mark) {
		bad(p);
		return;
	}
	/* One blank; more of them are the path's. */
	at += at < end;
	p->in_memcg = true;
	p->list.memcg = id.number;
	p->list.path = at;
	p->list.path_len = (size_t)(end - at);
	p->counts->nr_memcgs++;
}

static void take_node(struct parser *p, const char *at, const char *end)
{
	struct word id;

	end_list(p);
	at = take_word(skip_blanks(at, end), end, &id);
	if (!at || at != end || id.mark || id.number > MAX_NODE || !p->in_memcg) {
		bad(p);
		return;
	}
	p->in_node = true;
	p->list.node = (int)id.number;
}

static bool is_generation(const struct word *w, int nr)
{
	return nr == 4 && !w[0].mark && !w[1].mark && (!w[2].mark || w[2].mark == 'x') &&
	       (!w[3].mark || w[3].mark == 'x');
}

static void take_numbers(struct parser *p, const char *at, const char *end)
{
	struct lru_gen_list *l = &p->list;
	struct word w[MAX_WORDS];
	int nr = split(at, end, w);

	if (nr < 0 || !p->in_node) {
		bad(p);
		return;
	}
	/* Counters of lru_gen_full: all but the first have a letter. */
	if (!is_generation(w, nr)) {
		if (nr < 2 || !w[nr - 1].mark)
			bad(p);
		return;
	}
	if (l->nr_gens == LRU_GEN_MAX || w[1].number >= WRAP_MS || w[2].number > MAX_PAGES ||
	    w[3].number > MAX_PAGES ||
	    (l->nr_gens && w[0].number != l->gens[l->nr_gens - 1].seq + 1)) {
		bad(p);
		return;
	}
	l->gens[l->nr_gens++] = (struct lru_gen){
		.seq = w[0].number,
		.age_ms = w[1].number,
		.anon_pages = w[2].mark ? 0 : w[2].number,
		.file_pages = w[3].mark ? 0 : w[3].number,
	};
}

static void take_line(struct parser *p, const char *at, const char *end)
{
	const char *text = skip_blanks(at, end);
	size_t len = (size_t)(end - text);

	if (len >= 6 && memcmp(text, "memcg ", 6) == 0)
		take_memcg(p, text + 6, end);
	else if (len >= 5 && memcmp(text, "node ", 5) == 0)
		take_node(p, text + 5, end);
	else if (len > 0)
		take_numbers(p, text, end);
}

void lru_gen_parse(const char *text, size_t len, lru_gen_take_fn take, void *context,
		   struct lru_gen_counts *counts)
{
	struct parser p = { .take = take, .context = context, .counts = counts };
	const char *at = text, *end = text + len, *newline;

	*counts = (struct lru_gen_counts){ 0 };
	for (; at < end && (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1)
		take_line(&p, at, newline);
	/* A line without an end: the youngest generations, which say when, may be missing. */
	if (at < end)
		bad(&p);
	end_list(&p);
}

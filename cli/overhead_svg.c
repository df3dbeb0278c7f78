// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * overhead_svg.c - slowdown over samples a second, as a drawing.
 *
 * Slowdowns go from noise below a percent to many times: the scale is that of asinh,
 * linear up to about the budget and logarithmic beyond, in both directions.
 */
#include "cli/overhead_print.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/table.h"
#include "cli/units.h"
#include "core/error.h"

#define WIDTH 1000
#define HEIGHT 600
#define LEFT 90.0
#define RIGHT 760.0
#define TOP 70.0
#define BOTTOM 520.0
#define NR_COLOURS 8
/* Labels of one axis stay so far apart. */
#define MIN_LABEL_GAP 16.0

/* Colours that also the colour-blind tell apart (Okabe and Ito), dark ones first. */
static const char *const colours[NR_COLOURS] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
						 "#e69f00", "#56b4e9", "#000000", "#999999" };
static const char *const dashes[OVERHEAD_NR_KINDS] = { "none", "7 4", "2 3" };

/* One point: of a source, on a workload. */
struct point {
	double x; /* samples a second */
	struct paired_interval y;
	double px, py; /* where it is drawn */
};

struct plot {
	FILE *out;
	const struct overhead_outcome *outcome;
	double low_x, high_x; /* logarithms to the base of 10, whole */
	double low_y, high_y; /* percent */
	size_t nr_sources;
	const char *sources[OVERHEAD_MAX_SUBJECTS];
	unsigned int nr_left_out;
};

static double scale(const struct plot *p, double pct)
{
	return asinh(pct / p->outcome->budget_pct);
}

static double to_px(const struct plot *p, double samples_per_s)
{
	return LEFT + (RIGHT - LEFT) * (log10(samples_per_s) - p->low_x) / (p->high_x - p->low_x);
}

static double to_py(const struct plot *p, double pct)
{
	double low = scale(p, p->low_y), high = scale(p, p->high_y);

	return BOTTOM - (BOTTOM - TOP) * (scale(p, pct) - low) / (high - low);
}

/* --- what there is --- */

/* Return: whether there is something to draw. */
static bool make_point(const struct overhead_result *r, struct point *point)
{
	struct overhead_figures f;

	if (r->failed[0] || r->paired.nr == 0 || r->subject.way == OVERHEAD_CONTROL)
		return false;
	overhead_figures(r, &f);
	*point = (struct point){ .x = f.samples_per_s, .y = f.slowdown };
	if (!f.slowdown.known)
		point->y.low_pct = point->y.high_pct = point->y.middle_pct;
	return isfinite(point->x) && isfinite(point->y.low_pct) && isfinite(point->y.high_pct);
}

static void widen(struct plot *p, const struct point *point)
{
	p->low_y = fmin(p->low_y, point->y.low_pct);
	p->high_y = fmax(p->high_y, point->y.high_pct);
	if (point->x > 0) {
		p->low_x = fmin(p->low_x, floor(log10(point->x)));
		p->high_x = fmax(p->high_x, ceil(log10(point->x) + 0.01));
	} else {
		p->nr_left_out++;
	}
}

static void note_source(struct plot *p, const char *name)
{
	for (size_t i = 0; i < p->nr_sources; i++)
		if (strcmp(p->sources[i], name) == 0)
			return;
	p->sources[p->nr_sources++] = name;
}

static void measure_plot(struct plot *p)
{
	const struct overhead_outcome *o = p->outcome;
	struct point point;

	p->low_x = HUGE_VAL;
	p->high_x = -HUGE_VAL;
	p->low_y = -o->budget_pct / 2;
	p->high_y = 2 * o->budget_pct;
	for (uint32_t k = 0; k < o->opts->nr_kinds; k++)
		for (size_t i = 0; i < o->workloads[k].nr_results; i++) {
			const struct overhead_result *r = &o->workloads[k].results[i];

			if (r->subject.way != OVERHEAD_CONTROL)
				note_source(p, overhead_subject_name(&r->subject));
			if (make_point(r, &point))
				widen(p, &point);
		}
	/* Nothing was sampled: axes without points. */
	if (p->low_x > p->high_x) {
		p->low_x = 0;
		p->high_x = 1;
	}
}

/* --- axes --- */

static void text(const struct plot *p, double x, double y, const char *anchor, const char *what)
{
	char safe[256];

	fprintf(p->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
	for (const char *c = safe_text(what, safe, sizeof(safe)); *c; c++)
		switch (*c) {
		case '<':
			(void)fputs("&lt;", p->out);
			break;
		case '>':
			(void)fputs("&gt;", p->out);
			break;
		case '&':
			(void)fputs("&amp;", p->out);
			break;
		default:
			(void)fputc(*c, p->out);
		}
	(void)fputs("</text>\n", p->out);
}

static void line(const struct plot *p, double x1, double y1, double x2, double y2,
		 const char *style)
{
	fprintf(p->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2,
		y2, style);
}

static void draw_x_axis(const struct plot *p)
{
	/* low_x is whole: a tick at each power of ten. */
	for (int e = (int)p->low_x; e <= p->high_x; e++) {
		double x = to_px(p, pow(10, e));

		line(p, x, TOP, x, BOTTOM, "stroke=\"#ddd\"");
		text(p, x, BOTTOM + 18, "middle", unit_count(pow(10, e)));
	}
	text(p, (LEFT + RIGHT) / 2, BOTTOM + 42, "middle", "samples per second");
}

/* A tick unless it would touch the one at @last.  Return: where the last one is now. */
static double draw_tick(const struct plot *p, double pct, double last)
{
	double y = to_py(p, pct);
	char label[32];

	if (pct < p->low_y || pct > p->high_y || fabs(y - last) < MIN_LABEL_GAP)
		return last;
	(void)snprintf(label, sizeof(label), "%g", pct);
	line(p, LEFT, y, RIGHT, y, "stroke=\"#ddd\"");
	text(p, LEFT - 8, y + 4, "end", label);
	return y;
}

/* 1, 2, 5, 10, ... from a fifth of the budget on, up and down from 0. */
static void draw_y_axis(const struct plot *p)
{
	static const double steps[] = { 1, 2, 5 };
	double least = p->outcome->budget_pct / 5, up = draw_tick(p, 0, -1), down = up;

	for (int e = (int)floor(log10(least)); e < 9; e++)
		for (int i = 0; i < 3; i++) {
			double pct = steps[i] * pow(10, e);

			if (pct < least * 0.99)
				continue;
			up = draw_tick(p, pct, up);
			down = draw_tick(p, -pct, down);
		}
	fprintf(p->out, "<g transform=\"rotate(-90 30 %.1f)\">\n", (TOP + BOTTOM) / 2);
	text(p, 30, (TOP + BOTTOM) / 2, "middle", "slowdown of the workload in %");
	(void)fputs("</g>\n", p->out);
}

static void draw_frame(const struct plot *p)
{
	double zero = to_py(p, 0), budget = to_py(p, p->outcome->budget_pct);
	char label[64];

	line(p, LEFT, zero, RIGHT, zero, "stroke=\"#000\"");
	line(p, LEFT, TOP, LEFT, BOTTOM, "stroke=\"#000\"");
	line(p, LEFT, BOTTOM, RIGHT, BOTTOM, "stroke=\"#000\"");
	line(p, LEFT, budget, RIGHT, budget, "stroke=\"#c00\" stroke-dasharray=\"10 5\"");
	(void)snprintf(label, sizeof(label), "budget %g %%", p->outcome->budget_pct);
	text(p, RIGHT - 4, budget - 5, "end", label);
}

/* What doing nothing looks like: smaller effects cannot be seen here. */
static void draw_noise(const struct plot *p)
{
	double noise = 0;

	for (uint32_t k = 0; k < p->outcome->opts->nr_kinds; k++)
		noise = fmax(noise, overhead_noise_pct(&p->outcome->workloads[k]));
	double top = to_py(p, fmin(noise, p->high_y)), bottom = to_py(p, fmax(-noise, p->low_y));

	if (noise > 0)
		fprintf(p->out,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
			"fill=\"#eee\"/>\n",
			LEFT, top, RIGHT - LEFT, bottom - top);
}

/* --- points --- */

static void draw_marker(const struct plot *p, double x, double y, enum overhead_kind kind,
			const char *colour)
{
	if (kind == OVERHEAD_CHASE)
		fprintf(p->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" fill=\"%s\"/>\n", x, y,
			colour);
	else if (kind == OVERHEAD_UPDATE)
		fprintf(p->out,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\" fill=\"%s\"/>\n",
			x - 4, y - 4, colour);
	else
		fprintf(p->out, "<path d=\"M%.1f %.1fl5 9h-10z\" fill=\"%s\"/>\n", x, y - 5,
			colour);
}

static void draw_bar(const struct plot *p, const struct point *at, const char *colour)
{
	double low = to_py(p, at->y.low_pct), high = to_py(p, at->y.high_pct);

	fprintf(p->out, "<path d=\"M%.1f %.1fh8m-4 0V%.1fm-4 0h8\" stroke=\"%s\" fill=\"none\"/>\n",
		at->px - 4, low, high, colour);
}

static void sort_points(struct point *points, size_t nr)
{
	for (size_t i = 1; i < nr; i++)
		for (size_t j = i; j > 0 && points[j - 1].x > points[j].x; j--) {
			struct point other = points[j];

			points[j] = points[j - 1];
			points[j - 1] = other;
		}
}

/* Return: how many points of @source there are on @w. */
static size_t collect(const struct plot *p, const struct overhead_workload *w, const char *source,
		      struct point *points)
{
	size_t nr = 0;

	for (size_t i = 0; i < w->nr_results; i++)
		if (strcmp(overhead_subject_name(&w->results[i].subject), source) == 0 &&
		    make_point(&w->results[i], &points[nr]) && points[nr].x > 0)
			nr++;
	sort_points(points, nr);
	for (size_t i = 0; i < nr; i++) {
		points[i].px = to_px(p, points[i].x);
		points[i].py = to_py(p, points[i].y.middle_pct);
	}
	return nr;
}

static void draw_line(const struct plot *p, const struct overhead_workload *w, const char *source,
		      const char *colour)
{
	struct point points[OVERHEAD_MAX_SUBJECTS];
	size_t nr = collect(p, w, source, points);

	if (nr == 0)
		return;
	fprintf(p->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-dasharray=\"%s\" points=\"",
		colour, dashes[w->kind]);
	for (size_t i = 0; i < nr; i++)
		fprintf(p->out, "%s%.1f,%.1f", i ? " " : "", points[i].px, points[i].py);
	(void)fputs("\"/>\n", p->out);
	for (size_t i = 0; i < nr; i++) {
		draw_bar(p, &points[i], colour);
		draw_marker(p, points[i].px, points[i].py, w->kind, colour);
	}
}

static void draw_legend(const struct plot *p, size_t row, const char *source,
			enum overhead_kind kind, const char *colour)
{
	double x = RIGHT + 20, y = TOP + 20 + 20 * (double)row;
	char style[96], label[96];

	(void)snprintf(style, sizeof(style), "stroke=\"%s\" stroke-dasharray=\"%s\"", colour,
		       dashes[kind]);
	(void)snprintf(label, sizeof(label), "%s, %s", source, overhead_kind_name(kind));
	line(p, x, y, x + 34, y, style);
	draw_marker(p, x + 17, y, kind, colour);
	text(p, x + 42, y + 4, "start", label);
}

static void draw_all(const struct plot *p)
{
	const struct overhead_outcome *o = p->outcome;
	size_t row = 0;

	for (size_t s = 0; s < p->nr_sources; s++)
		for (uint32_t k = 0; k < o->opts->nr_kinds; k++) {
			const char *colour = colours[s % NR_COLOURS];

			draw_line(p, &o->workloads[k], p->sources[s], colour);
			draw_legend(p, row++, p->sources[s], o->workloads[k].kind, colour);
		}
}

static void draw_texts(const struct plot *p)
{
	const struct overhead_outcome *o = p->outcome;
	char label[256];

	text(p, LEFT, 28, "start", "What sampling costs: slowdown, 95 % intervals");
	(void)snprintf(label, sizeof(label), "%s, Linux %s, %s over %u threads, %u pairs of %s",
		       o->machine->cpu, o->machine->kernel, unit_bytes((double)o->opts->load.bytes),
		       o->opts->load.nr_threads, o->opts->nr_rounds, unit_ns(o->opts->run_ns));
	text(p, LEFT, 50, "start", label);
	(void)snprintf(label, sizeof(label),
		       "grey: what doing nothing looks like (noise).  Linear up to about the "
		       "budget, logarithmic beyond.%s",
		       o->ended_early ? "  Ended early." : "");
	text(p, LEFT, HEIGHT - 14, "start", label);
	if (p->nr_left_out) {
		(void)snprintf(label, sizeof(label), "%u without samples: not shown",
			       p->nr_left_out);
		text(p, RIGHT + 20, BOTTOM, "start", label);
	}
}

int overhead_write_svg(const char *path, const struct overhead_outcome *outcome)
{
	struct plot p = { .out = fopen(path, "we"), .outcome = outcome };

	if (!p.out)
		return thermo_fail(-errno, "%s: %s", path, strerror(errno));
	measure_plot(&p);
	fprintf(p.out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 "
		"0 "
		"%d %d\" font-family=\"sans-serif\" font-size=\"13\">\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
	draw_noise(&p);
	draw_x_axis(&p);
	draw_y_axis(&p);
	draw_frame(&p);
	draw_all(&p);
	draw_texts(&p);
	(void)fputs("</svg>\n", p.out);
	/* A full disk shows when the rest is written. */
	int failed = ferror(p.out);

	if (fclose(p.out) != 0 || failed)
		return thermo_fail(-EIO, "%s: cannot be written whole: is the disk full?", path);
	return 0;
}

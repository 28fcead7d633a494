/* Cantor for native code: metrics and log lines of a task, a service or a filter.
 *
 * Compile cantor.c with your program, as C11 or as C++11; it needs nothing but the C library of
 * Linux. What a program counts is read by the agent that has started it, and by any node of its
 * tenant (cantor metrics, cantor top, Prometheus). A program that no agent has started counts for
 * itself alone.
 *
 * Every function returns CANTOR_OK or another code, and cantor_error() says it in words. What an
 * _open function has filled may be used whatever it returns: what found no room counts nowhere, so
 * that no program fails because it measures too much. Names and values are UTF-8. Everything may be
 * called from any thread, and in a fork.
 *
 * Later parts keep to this: opaque values with _open, int results, texts with their length.
 */
#ifndef CANTOR_H
#define CANTOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CANTOR_ABI 1 /* grows when a program must be compiled anew */

enum {
    CANTOR_OK = 0,
    CANTOR_ALONE = 1,    /* no agent reads: it counts in this process */
    CANTOR_FULL = 2,     /* no room for more series: it counts nowhere */
    CANTOR_BAD_NAME = 3, /* a name or a label cannot be used: it counts nowhere */
    CANTOR_BAD_BOUNDS = 4,
    CANTOR_NO_MEMORY = 5
};

enum { CANTOR_DEBUG = 0, CANTOR_INFO = 1, CANTOR_WARNING = 2, CANTOR_ERROR = 3 };

/* What a code means; static text. */
const char *cantor_error(int code);

/* Write one line to the logs of this program, in one piece; line ends in it become spaces. */
int cantor_log(int level, const char *text);

typedef struct {
    const char *name;
    const char *value;
} cantor_label;

/* What only grows, in whole numbers. */
typedef struct {
    uint64_t *slot;
} cantor_counter;

/* What only grows, in any numbers. */
typedef struct {
    double *slot;
} cantor_amount;

/* What goes up and down. */
typedef struct {
    double *slot;
} cantor_gauge;

/* How values are spread, in buckets. */
typedef struct {
    uint64_t *buckets;
    double *sum;
    const double *bounds;
    uint32_t count;
} cantor_histogram;

/* The series of that name and labels: the same each time. Do it once, and keep the result. */
int cantor_counter_open(
    cantor_counter *counter, const char *name, const cantor_label *labels, size_t labels_count);
int cantor_amount_open(
    cantor_amount *amount, const char *name, const cantor_label *labels, size_t labels_count);
int cantor_gauge_open(
    cantor_gauge *gauge, const char *name, const cantor_label *labels, size_t labels_count);

/* bounds are the upper ends of the buckets, growing, 1 to 30. They are copied. */
int cantor_histogram_open(
    cantor_histogram *histogram, const char *name, const cantor_label *labels, size_t labels_count,
    const double *bounds, size_t bounds_count);

static inline void cantor_counter_add(cantor_counter counter, uint64_t more)
{
    __atomic_fetch_add(counter.slot, more, __ATOMIC_RELAXED);
}

static inline void cantor_real_add(double *slot, double more)
{
    double now, next;
    __atomic_load(slot, &now, __ATOMIC_RELAXED);
    do {
        next = now != now ? more : now + more; /* a gauge that was not set is no number */
    } while (!__atomic_compare_exchange(
        slot, &now, &next, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

static inline void cantor_amount_add(cantor_amount amount, double more)
{
    if (more > 0)
        cantor_real_add(amount.slot, more);
}

static inline void cantor_gauge_set(cantor_gauge gauge, double value)
{
    __atomic_store(gauge.slot, &value, __ATOMIC_RELAXED);
}

static inline void cantor_gauge_add(cantor_gauge gauge, double more)
{
    cantor_real_add(gauge.slot, more);
}

static inline void cantor_histogram_observe(cantor_histogram histogram, double value)
{
    uint32_t place = 0;
    if (value != value)
        return;
    while (place < histogram.count && value > histogram.bounds[place])
        place++;
    __atomic_fetch_add(&histogram.buckets[place], 1, __ATOMIC_RELAXED);
    cantor_real_add(histogram.sum, value);
}

#ifdef __cplusplus
}
#endif

#endif

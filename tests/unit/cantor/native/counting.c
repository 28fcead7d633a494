/* Counts as a service would, for test_native.py; also compiled as C++. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cantor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static int count(void)
{
    cantor_label labels[] = {{"camera", "door"}, {"a", "\xc3\xbc"}};
    const double bounds[] = {0.1, 1.0};
    cantor_counter frames, again;
    cantor_amount metres;
    cantor_gauge queue, unset;
    cantor_histogram seconds, same;
    int code = cantor_counter_open(&frames, "frames", labels, 2);
    cantor_counter_open(&again, "frames", labels, 2);
    cantor_amount_open(&metres, "metres", NULL, 0);
    cantor_gauge_open(&queue, "queue", NULL, 0);
    cantor_gauge_open(&unset, "unset", NULL, 0);
    cantor_histogram_open(&seconds, "seconds", NULL, 0, bounds, 2);
    cantor_histogram_open(&same, "seconds", NULL, 0, bounds, 2);
    cantor_counter_add(frames, 3);
    cantor_counter_add(again, 4);
    cantor_amount_add(metres, 1.5);
    cantor_amount_add(metres, -1.0);
    cantor_gauge_add(queue, 2.0);
    cantor_gauge_add(queue, -0.5);
    cantor_histogram_observe(seconds, 0.1);
    cantor_histogram_observe(same, 0.5);
    cantor_histogram_observe(seconds, 3.0);
    cantor_log(CANTOR_WARNING, "the door\nis open");
    if (fork() == 0) {
        cantor_counter more;
        cantor_counter_open(&more, "frames", labels, 2);
        cantor_counter_add(more, 10);
        _exit(0);
    }
    wait(NULL);
    return code;
}

static int refuse(void)
{
    const double odd[] = {1.0, 1.0};
    const cantor_label long_value[] = {{"a", "x\ty"}}, twice[] = {{"a", "x"}, {"a", "y"}};
    const cantor_label reserved[] = {{"source", "x"}};
    cantor_counter counter;
    cantor_histogram histogram;
    printf("%d ", cantor_counter_open(&counter, "9lives", NULL, 0));
    printf("%d ", cantor_counter_open(&counter, "cantor_x", NULL, 0));
    printf("%d ", cantor_counter_open(&counter, "", NULL, 0));
    printf("%d ", cantor_counter_open(&counter, "a", long_value, 1));
    printf("%d ", cantor_counter_open(&counter, "a", twice, 2));
    printf("%d ", cantor_counter_open(&counter, "a", reserved, 1));
    printf("%d ", cantor_histogram_open(&histogram, "a", NULL, 0, odd, 2));
    printf("%d\n", cantor_histogram_open(&histogram, "a", NULL, 0, odd, 0));
    cantor_counter_add(counter, 1);
    cantor_histogram_observe(histogram, 5.0);
    return 0;
}

static int fill(void)
{
    int made = 0, number, code = 0;
    for (number = 0; number < 2100; number++) {
        char value[16];
        cantor_label label = {"n", value};
        cantor_counter counter;
        snprintf(value, sizeof value, "%d", number);
        code = cantor_counter_open(&counter, "frames", &label, 1);
        cantor_counter_add(counter, 1);
        made += code == CANTOR_OK;
    }
    printf("%d %d %s\n", made, code, cantor_error(code));
    return 0;
}

static int measure(void)
{
    enum { TIMES = 20000000 };
    const double bounds[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    cantor_counter frames;
    cantor_amount metres;
    cantor_gauge queue;
    cantor_histogram seconds;
    double begun;
    long one;
    cantor_counter_open(&frames, "bench_frames", NULL, 0);
    cantor_amount_open(&metres, "bench_metres", NULL, 0);
    cantor_gauge_open(&queue, "bench_queue", NULL, 0);
    cantor_histogram_open(&seconds, "bench_seconds", NULL, 0, bounds, 10);
    begun = now();
    for (one = 0; one < TIMES; one++)
        cantor_counter_add(frames, 1);
    printf("%.2f ", (now() - begun) / TIMES);
    begun = now();
    for (one = 0; one < TIMES; one++)
        cantor_amount_add(metres, 1.5);
    printf("%.2f ", (now() - begun) / TIMES);
    begun = now();
    for (one = 0; one < TIMES; one++)
        cantor_gauge_set(queue, (double)one);
    printf("%.2f ", (now() - begun) / TIMES);
    begun = now();
    for (one = 0; one < TIMES; one++)
        cantor_histogram_observe(seconds, (double)(one % 11));
    printf("%.2f\n", (now() - begun) / TIMES);
    return 0;
}

int main(int count_of_words, char **words)
{
    const char *what = count_of_words > 1 ? words[1] : "";
    if (strcmp(what, "refuse") == 0)
        return refuse();
    if (strcmp(what, "fill") == 0)
        return fill();
    if (strcmp(what, "measure") == 0)
        return measure();
    return count();
}

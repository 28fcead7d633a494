/* See cantor.h. The memory that is written here is described in metering/layout.py. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cantor.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    REGION_BYTES = 128 * 1024,
    SLOTS = 2048,
    SLOTS_AT = 64,
    ENTRIES_AT = SLOTS_AT + 8 * SLOTS,
    ENTRIES_BYTES = REGION_BYTES - ENTRIES_AT,
    ENTRY_HEAD = 8,
    LABELS_MAX = 8,
    NAME_MAX_BYTES = 100,
    LABEL_MAX_BYTES = 40,
    VALUE_MAX_BYTES = 100,
    BOUNDS_MAX = 30,
    ENTRY_MAX = 2048,
    LINE_MAX_BYTES = 8000
};
enum { COUNT = 1, AMOUNT = 2, GAUGE = 3, HISTOGRAM = 4 };

typedef struct {
    char magic[8];
    uint32_t used_slots;
    uint32_t used_bytes;
    uint64_t dropped;
} Header;

/* Of each series that this process has opened: where its entry is. */
typedef struct {
    uint32_t at;
    uint32_t length;
} Opened;

static unsigned char *region;
static int descriptor = -1;
static int is_alone;
static Opened opened[SLOTS];
static size_t opened_count;
static uint64_t nowhere[BOUNDS_MAX + 2];
static double no_bounds[BOUNDS_MAX];
static char busy;

static void lock(void)
{
    while (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
        sched_yield();
}

static void unlock(void)
{
    __atomic_clear(&busy, __ATOMIC_RELEASE);
}

const char *cantor_error(int code)
{
    switch (code) {
    case CANTOR_OK:
        return "done";
    case CANTOR_ALONE:
        return "no agent reads what this process counts: let one start it";
    case CANTOR_FULL:
        return "there is no room for more series: use fewer labels";
    case CANTOR_BAD_NAME:
        return "a name has 1 to 100 of A-Z, a-z, 0-9 and _, and labels as well";
    case CANTOR_BAD_BOUNDS:
        return "a histogram has 1 to 30 bounds, which grow";
    default:
        return "there is no memory";
    }
}

int cantor_log(int level, const char *text)
{
    static const char *const words[] = {"DEBUG ", "", "WARNING ", "ERROR "};
    char line[LINE_MAX_BYTES + 16];
    int known = level >= CANTOR_DEBUG && level <= CANTOR_ERROR ? level : CANTOR_INFO;
    int size = snprintf(line, sizeof line - 1, "%s%.*s", words[known], LINE_MAX_BYTES, text);
    int place;
    if (size < 0)
        return CANTOR_NO_MEMORY;
    for (place = 0; place < size; place++)
        if (line[place] == '\n' || line[place] == '\r')
            line[place] = ' ';
    line[size] = '\n';
    return write(2, line, (size_t)size + 1) == size + 1 ? CANTOR_OK : CANTOR_ALONE;
}

static unsigned char *mapped(int from)
{
    struct stat found;
    void *memory;
    if (fstat(from, &found) != 0 || found.st_size != REGION_BYTES)
        return NULL;
    memory = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, from, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (memcmp(memory, "cantorM1", 8) != 0) {
        munmap(memory, REGION_BYTES);
        return NULL;
    }
    return (unsigned char *)memory;
}

/* The memory of this process, handed over or its own; called with the lock held. */
static int begin(void)
{
    const char *told;
    void *memory;
    if (region != NULL)
        return CANTOR_OK;
    told = getenv("CANTOR_METRICS");
    if (told != NULL && *told >= '0' && *told <= '9') {
        descriptor = atoi(told);
        region = mapped(descriptor);
        if (region != NULL)
            return CANTOR_OK;
        descriptor = -1;
    }
    memory = mmap(
        NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return CANTOR_NO_MEMORY;
    region = (unsigned char *)memory;
    is_alone = 1;
    return CANTOR_OK;
}

static int is_word(const char *text, size_t most, int may_begin_twice)
{
    size_t size = strlen(text), place;
    if (size == 0 || size > most || (text[0] >= '0' && text[0] <= '9'))
        return 0;
    if (!may_begin_twice && text[0] == '_' && text[1] == '_')
        return 0;
    for (place = 0; place < size; place++) {
        char sign = text[place];
        if (!((sign >= 'a' && sign <= 'z') || (sign >= 'A' && sign <= 'Z') || sign == '_'
              || (sign >= '0' && sign <= '9')))
            return 0;
    }
    return 1;
}

static int is_reserved(const char *label)
{
    return strcmp(label, "node") == 0 || strcmp(label, "source") == 0 || strcmp(label, "le") == 0;
}

static int are_labels(const cantor_label *labels, size_t count)
{
    size_t one, other;
    const unsigned char *sign;
    if (count > LABELS_MAX)
        return 0;
    for (one = 0; one < count; one++) {
        if (!is_word(labels[one].name, LABEL_MAX_BYTES, 0) || is_reserved(labels[one].name)
            || strlen(labels[one].value) > VALUE_MAX_BYTES)
            return 0;
        for (other = 0; other < one; other++)
            if (strcmp(labels[one].name, labels[other].name) == 0)
                return 0;
        for (sign = (const unsigned char *)labels[one].value; *sign; sign++)
            if (*sign < 32 || *sign == 127)
                return 0;
    }
    return 1;
}

static size_t put_text(unsigned char *out, size_t at, const char *text)
{
    size_t size = strlen(text);
    out[at] = (unsigned char)size;
    memcpy(out + at + 1, text, size);
    return at + 1 + size;
}

static void put_u16(unsigned char *out, size_t value)
{
    out[0] = (unsigned char)(value & 255);
    out[1] = (unsigned char)(value >> 8);
}

/* An entry with no slot yet; its length. */
static size_t pack(
    unsigned char *out, int kind, const char *name, const cantor_label *labels, size_t labels_count,
    const double *bounds, size_t bounds_count)
{
    size_t at, one;
    memset(out, 0, ENTRY_MAX);
    out[2] = (unsigned char)kind;
    out[3] = (unsigned char)labels_count;
    put_u16(out + 6, kind == HISTOGRAM ? bounds_count + 2 : 1);
    at = put_text(out, ENTRY_HEAD, name);
    for (one = 0; one < labels_count; one++) {
        at = put_text(out, at, labels[one].name);
        at = put_text(out, at, labels[one].value);
    }
    at = (at + 7) & ~(size_t)7;
    memcpy(out + at, bounds, bounds_count * sizeof *bounds);
    at += bounds_count * sizeof *bounds;
    put_u16(out, at);
    return at;
}

/* The slot of an entry that this process has opened before; -1 if it has not. */
static int known_slot(const unsigned char *entry, size_t length)
{
    size_t one;
    for (one = 0; one < opened_count; one++) {
        const unsigned char *held = region + ENTRIES_AT + opened[one].at;
        if (opened[one].length == length && memcmp(held, entry, 4) == 0
            && memcmp(held + 6, entry + 6, length - 6) == 0)
            return held[4] | held[5] << 8;
    }
    return -1;
}

/* A slot for an entry, with other processes that share the memory kept out. */
static int new_slot(unsigned char *entry, size_t length, int kind, size_t slots)
{
    Header *header = (Header *)(void *)region;
    double first = 0.0;
    int slot = -1;
    if (header->used_slots + slots <= SLOTS && header->used_bytes + length <= ENTRIES_BYTES
        && opened_count < SLOTS) {
        slot = (int)header->used_slots;
        if (kind == GAUGE)
            memset(&first, 255, sizeof first); /* a NaN: it was not set */
        if (kind != HISTOGRAM)
            memcpy(region + SLOTS_AT + 8 * slot, &first, sizeof first);
        put_u16(entry + 4, (size_t)slot);
        memcpy(region + ENTRIES_AT + header->used_bytes, entry, length);
        opened[opened_count].at = header->used_bytes;
        opened[opened_count].length = (uint32_t)length;
        opened_count++;
        __atomic_store_n(&header->used_slots, (uint32_t)(slot + slots), __ATOMIC_RELEASE);
        __atomic_store_n(
            &header->used_bytes, header->used_bytes + (uint32_t)length, __ATOMIC_RELEASE);
    } else {
        header->dropped++;
    }
    return slot;
}

static int reserve(unsigned char *entry, size_t length, int kind, size_t slots)
{
    char path[32];
    int door, slot;
    if (is_alone)
        return new_slot(entry, length, kind, slots);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    door = open(path, O_RDWR | O_CLOEXEC); /* a lock of its own, also in a fork */
    if (door < 0 || flock(door, LOCK_EX) != 0) {
        if (door >= 0)
            close(door);
        return -1;
    }
    slot = new_slot(entry, length, kind, slots);
    close(door);
    return slot;
}

static int open_series(
    void **found, int kind, const char *name, const cantor_label *labels, size_t labels_count,
    const double *bounds, size_t bounds_count, const double **held_bounds)
{
    unsigned char entry[ENTRY_MAX];
    size_t length, slots = kind == HISTOGRAM ? bounds_count + 2 : 1;
    int slot, code;
    *found = nowhere;
    if (!is_word(name, NAME_MAX_BYTES, 1) || strncmp(name, "cantor_", 7) == 0
        || !are_labels(labels, labels_count))
        return CANTOR_BAD_NAME;
    length = pack(entry, kind, name, labels, labels_count, bounds, bounds_count);
    lock();
    code = begin();
    if (code == CANTOR_OK) {
        slot = known_slot(entry, length);
        if (slot < 0)
            slot = reserve(entry, length, kind, slots);
        if (slot >= 0) {
            *found = region + SLOTS_AT + 8 * slot;
            code = is_alone ? CANTOR_ALONE : CANTOR_OK;
            if (held_bounds != NULL) {
                size_t one;
                for (one = 0; one < opened_count; one++) {
                    const unsigned char *held = region + ENTRIES_AT + opened[one].at;
                    if ((held[4] | held[5] << 8) == slot)
                        *held_bounds = (const double *)(const void *)(
                            held + opened[one].length - bounds_count * sizeof(double));
                }
            }
        } else {
            code = CANTOR_FULL;
        }
    }
    unlock();
    return code;
}

int cantor_counter_open(
    cantor_counter *counter, const char *name, const cantor_label *labels, size_t labels_count)
{
    void *slot;
    int code = open_series(&slot, COUNT, name, labels, labels_count, no_bounds, 0, NULL);
    counter->slot = (uint64_t *)slot;
    return code;
}

int cantor_amount_open(
    cantor_amount *amount, const char *name, const cantor_label *labels, size_t labels_count)
{
    void *slot;
    int code = open_series(&slot, AMOUNT, name, labels, labels_count, no_bounds, 0, NULL);
    amount->slot = (double *)slot;
    return code;
}

int cantor_gauge_open(
    cantor_gauge *gauge, const char *name, const cantor_label *labels, size_t labels_count)
{
    void *slot;
    int code = open_series(&slot, GAUGE, name, labels, labels_count, no_bounds, 0, NULL);
    gauge->slot = (double *)slot;
    return code;
}

int cantor_histogram_open(
    cantor_histogram *histogram, const char *name, const cantor_label *labels, size_t labels_count,
    const double *bounds, size_t bounds_count)
{
    void *slot = nowhere;
    size_t one;
    int code = CANTOR_OK;
    histogram->bounds = no_bounds;
    if (bounds_count == 0 || bounds_count > BOUNDS_MAX)
        code = CANTOR_BAD_BOUNDS;
    for (one = 0; code == CANTOR_OK && one < bounds_count; one++)
        if (bounds[one] - bounds[one] != 0 || (one > 0 && !(bounds[one] > bounds[one - 1])))
            code = CANTOR_BAD_BOUNDS;
    if (code == CANTOR_OK)
        code = open_series(
            &slot, HISTOGRAM, name, labels, labels_count, bounds, bounds_count, &histogram->bounds);
    histogram->count = slot == nowhere ? 0 : (uint32_t)bounds_count;
    histogram->buckets = (uint64_t *)slot;
    histogram->sum = (double *)slot + histogram->count + 1;
    return code;
}

#define _GNU_SOURCE
#include "dudect.h"
#include "ticks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* So few that the inputs of a batch stay in a near cache. */
#define BATCH 1000
#define CUTS 20

/* Mean and variance of a class as its times come in: Welford, "Note on a method for calculating corrected sums of squares
 * and products", 1962. */
struct moments {
    double count, mean, squares;
};

struct cut {
    uint64_t limit; /* times above it are left out */
    struct moments class[2];
};

uint64_t dudect_chance(void)
{
    static uint64_t state;
    if (state == 0) {
        state = (uint64_t)time(NULL) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

void dudect_fill(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(dudect_chance() >> 32);
    }
}

static void take(struct moments *moments, double value)
{
    const double from_mean = value - moments->mean;
    moments->count += 1;
    moments->mean += from_mean / moments->count;
    moments->squares += from_mean * (value - moments->mean);
}

/* Welch, "The generalization of Student's problem when several different population variances are involved", 1947. */
static double t_of(const struct moments class[2])
{
    const double spread = class[0].squares / (class[0].count - 1) / class[0].count +
                          class[1].squares / (class[1].count - 1) / class[1].count;
    const double apart = class[0].mean - class[1].mean;
    if (spread > 0) {
        return fabs(apart) / sqrt(spread);
    }
    return apart < 0 || apart > 0 ? HUGE_VAL : 0;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

struct batch {
    uint8_t input[BATCH][DUDECT_INPUT_MAX];
    int class[BATCH];
    uint64_t ticks[BATCH];
};

static void measure(const struct dudect *target, struct batch *batch)
{
    for (size_t i = 0; i < BATCH; i++) {
        batch->class[i] = (int)(dudect_chance() >> 63);
        target->prepare(batch->input[i], batch->class[i]);
    }
    for (size_t i = 0; i < BATCH; i++) {
        const uint64_t begin = leak_ticks();
        for (int run = 0; run < LEAK_REPEAT; run++) {
            target->run(batch->input[i]);
        }
        batch->ticks[i] = leak_ticks() - begin;
    }
}

/* Limits at ever closer shares of the slowest; the last one leaves nothing out. */
static void set_limits(struct cut cuts[CUTS + 1], const struct batch *batch)
{
    uint64_t sorted[BATCH];
    (void)memcpy(sorted, batch->ticks, sizeof sorted);
    qsort(sorted, BATCH, sizeof sorted[0], by_size);
    for (size_t i = 0; i < CUTS; i++) {
        const double share = 1 - pow(0.5, 7.0 * (double)(i + 1) / CUTS);
        cuts[i].limit = sorted[(size_t)(share * (BATCH - 1))];
    }
    cuts[CUTS].limit = UINT64_MAX;
}

double dudect_measure(const struct dudect *target, size_t measurements)
{
    static struct batch batch;
    struct cut cuts[CUTS + 1] = {{0, {{0, 0, 0}, {0, 0, 0}}}};
    double most = 0;
    /* The first batches warm up, and the last of them sets the limits. */
    for (int i = 0; i < 3; i++) {
        measure(target, &batch);
    }
    set_limits(cuts, &batch);
    for (size_t done = 0; done < measurements; done += BATCH) {
        measure(target, &batch);
        for (size_t i = 0; i < BATCH; i++) {
            for (size_t k = 0; k <= CUTS; k++) {
                if (batch.ticks[i] <= cuts[k].limit) {
                    take(&cuts[k].class[batch.class[i]], (double)batch.ticks[i]);
                }
            }
        }
    }
    for (size_t k = 0; k <= CUTS; k++) {
        const double fewer = fmin(cuts[k].class[0].count, cuts[k].class[1].count);
        if (fewer > (double)measurements / 100) {
            most = fmax(most, t_of(cuts[k].class));
        }
    }
    return most;
}

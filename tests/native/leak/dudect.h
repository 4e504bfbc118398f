/* Does the time a function takes depend on what it is given? Measured as in Reparaz, Balasch and Verbauwhede, "Dude, is my
 * code constant time?", DATE 2017: inputs of two classes in an order of chance, Welch's t-test on the times of the two,
 * and again without the slowest measurements, which are mostly the system's.
 *
 * A large t says that the two classes take different times: there is a leak. A small one says that these measurements on
 * this machine show none; it proves nothing. */
#ifndef LV_LEAK_DUDECT_H
#define LV_LEAK_DUDECT_H

#include <stddef.h>
#include <stdint.h>

#define DUDECT_INPUT_MAX 512

struct dudect {
    const char *name;
    size_t input_size; /* up to DUDECT_INPUT_MAX */
    /* Writes an input of class 0 or 1; not measured. Both classes are written the same way, or the cache would tell. */
    void (*prepare)(uint8_t *input, int class);
    /* What is measured. May change its input. */
    void (*run)(uint8_t *input);
};

/* The largest |t| of so many measurements, over all cuts that leave at least a hundredth of them. */
double dudect_measure(const struct dudect *target, size_t measurements);

/* Not for secrets; another each run. */
uint64_t dudect_chance(void);
void dudect_fill(uint8_t *bytes, size_t size);

#endif

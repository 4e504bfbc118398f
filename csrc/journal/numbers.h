/* Big-endian numbers of 1 to 8 bytes. */
#ifndef LV_NUMBERS_H
#define LV_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t big_endian(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static inline void put_big_endian(uint8_t *out, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    }
}

#endif

/* Unaligned numbers from bytes, little-endian, and the ends of records that are shorter than a block. */
#ifndef LV_AES_GCM_BYTES_H
#define LV_AES_GCM_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the levels of AES-GCM are written for little-endian processors"
#endif

#define INLINE static inline __attribute__((always_inline, unused))

INLINE uint64_t load_64(const uint8_t *bytes)
{
    uint64_t number;
    (void)memcpy(&number, bytes, sizeof number);
    return number;
}

INLINE uint32_t load_32(const uint8_t *bytes)
{
    uint32_t number;
    (void)memcpy(&number, bytes, sizeof number);
    return number;
}

INLINE void store_64(uint8_t *bytes, uint64_t number)
{
    (void)memcpy(bytes, &number, sizeof number);
}

INLINE void store_32(uint8_t *bytes, uint32_t number)
{
    (void)memcpy(bytes, &number, sizeof number);
}

/* 1 to 7 bytes and no other is touched: two numbers that may share bytes in the middle. */
INLINE uint64_t load_below_8(const uint8_t *bytes, size_t size)
{
    if (size >= 4) {
        return load_32(bytes) | (uint64_t)load_32(bytes + size - 4) << (8 * (size - 4));
    }
    return bytes[0] | (uint64_t)bytes[size / 2] << (8 * (size / 2)) | (uint64_t)bytes[size - 1] << (8 * (size - 1));
}

INLINE void store_below_8(uint8_t *bytes, uint64_t number, size_t size)
{
    if (size >= 4) {
        store_32(bytes, (uint32_t)number);
        store_32(bytes + size - 4, (uint32_t)(number >> (8 * (size - 4))));
        return;
    }
    bytes[0] = (uint8_t)number;
    bytes[size / 2] = (uint8_t)(number >> (8 * (size / 2)));
    bytes[size - 1] = (uint8_t)(number >> (8 * (size - 1)));
}

#endif

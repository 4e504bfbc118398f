/* Records one after another in one buffer, as the calls on many take them; and what is known of each. */
#ifndef LV_TEST_RECORDS_H
#define LV_TEST_RECORDS_H

#include "harness.h"

enum { RECORDS_MOST = 4000, RECORD_OVERHEAD = LV_XAES_NONCE_SIZE + LV_GCM_TAG_SIZE, PREFIX_MOST = 64 };
#define ROOM ((size_t)2 << 20)

struct records {
    uint8_t *data; /* ROOM bytes */
    int64_t offsets[RECORDS_MOST + 1];
    size_t count;
};

/* Empty; record 0 will begin at `first`. Freed with free(records->data) and free(records). */
struct records *records_new(int64_t first);
void records_free(struct records *records);

/* One more record of so many bytes, which the caller fills. */
uint8_t *records_add(struct records *records, size_t size);
uint8_t *records_at(const struct records *records, size_t i);
size_t records_size(const struct records *records, size_t i);

/* Seals with the reference and adds: prefix | nonce | ciphertext | tag, with associated data = prefix | context. */
uint8_t *records_add_sealed(struct records *records, const uint8_t key[32], const uint8_t *prefix, size_t prefix_size,
                            const uint8_t *nonce, const uint8_t *context, size_t context_size, const uint8_t *plain,
                            size_t size);

/* Bytes that suffice for what a call makes of these records, and some more. */
size_t records_room(const struct records *records);

/* Big-endian in a nonce's last 4 bytes. */
void put_counter(uint8_t nonce[24], uint32_t counter);

#endif

#include "records.h"
#include "reference.h"

struct records *records_new(int64_t first)
{
    struct records *made = calloc(1, sizeof *made);
    CHECK(made != NULL && (made->data = malloc(ROOM)) != NULL);
    made->offsets[0] = first;
    return made;
}

void records_free(struct records *records)
{
    free(records->data);
    free(records);
}

uint8_t *records_add(struct records *records, size_t size)
{
    const size_t at = records->count++;
    CHECK(records->count <= RECORDS_MOST);
    records->offsets[at + 1] = records->offsets[at] + (int64_t)size;
    CHECK((size_t)records->offsets[at + 1] <= ROOM);
    return records->data + records->offsets[at];
}

uint8_t *records_at(const struct records *records, size_t i)
{
    return records->data + records->offsets[i];
}

size_t records_size(const struct records *records, size_t i)
{
    return (size_t)(records->offsets[i + 1] - records->offsets[i]);
}

uint8_t *records_add_sealed(struct records *records, const uint8_t key[32], const uint8_t *prefix, size_t prefix_size,
                            const uint8_t *nonce, const uint8_t *context, size_t context_size, const uint8_t *plain,
                            size_t size)
{
    uint8_t aad[PREFIX_MOST + 64];
    uint8_t *record = records_add(records, prefix_size + RECORD_OVERHEAD + size);
    CHECK(prefix_size + context_size <= sizeof aad);
    (void)memcpy(aad, prefix, prefix_size);
    (void)memcpy(aad + prefix_size, context, context_size);
    (void)memcpy(record, prefix, prefix_size);
    (void)memcpy(record + prefix_size, nonce, LV_XAES_NONCE_SIZE);
    reference_xaes_seal(key, nonce, aad, prefix_size + context_size, plain, size, record + prefix_size + LV_XAES_NONCE_SIZE);
    return record;
}

size_t records_room(const struct records *records)
{
    const size_t room = (size_t)records->offsets[records->count] + records->count * (PREFIX_MOST + RECORD_OVERHEAD) + 1024;
    CHECK(room <= ROOM);
    return room;
}

void put_counter(uint8_t nonce[24], uint32_t counter)
{
    for (unsigned i = 0; i < 4; i++) {
        nonce[20 + i] = (uint8_t)(counter >> (24 - 8 * i));
    }
}

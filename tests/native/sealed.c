/* What a level seals, for comparison with another processor and another implementation.
 *
 * Without an argument: prints every level's name and status. With a level's number: writes every record of a fixed ladder
 * to the output, after it has opened and after altered ones have not. test_arm64.py has the same ladder. */
#include "lv_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

enum {
    EVERY_SIZE = 1100, /* all up to here: no step, some steps, every rest */
    LARGEST = (1 << 20) + 33, /* blocks whose number has three bytes */
    BATCH = 200,
    PREFIX = 9,
    AROUND = PREFIX + LV_XAES_NONCE_SIZE + LV_GCM_TAG_SIZE,
    ROOM = LARGEST + LV_GCM_TAG_SIZE /* a batch has less */
};

static const size_t key_sizes[] = {16, 24, 32};
static const size_t aad_sizes[] = {0, 1, 13, 16, 65, 529};
static const size_t large_sizes[] = {2048, 4095, 4096, 4097, 20011};

static uint8_t key[32], nonce[LV_XAES_NONCE_SIZE], aad[600], plain[ROOM], sealed[ROOM], opened[ROOM];
static const uint8_t zeros[LARGEST];

/* The ladder's bytes; they begin again after 64 KiB. */
static void fill(uint8_t *bytes, size_t size, size_t first)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)((i * 7 + first) ^ (i >> 8));
    }
}

static void give(const uint8_t *bytes, size_t size)
{
    CHECK(fwrite(bytes, 1, size, stdout) == size);
}

typedef int open_one(const void *handle, const uint8_t *in, size_t size, uint8_t *out);

static size_t aad_size; /* of the record at hand */

static int open_gcm(const void *handle, const uint8_t *in, size_t size, uint8_t *out)
{
    return lv_gcm_open(handle, nonce, aad, aad_size, in, size, out);
}

static int open_xaes(const void *handle, const uint8_t *in, size_t size, uint8_t *out)
{
    return lv_xaes_open(handle, nonce, aad, aad_size, in, size, out);
}

/* What was sealed opens; with a bit changed somewhere it does not, and nothing is left of it. */
static void opens_and_refuses(open_one *open, const void *handle, uint8_t *record, size_t size)
{
    CHECK(open(handle, record, size, opened) == LV_OK);
    CHECK(memcmp(opened, plain, size) == 0);
    uint8_t *altered = record + (size * 5 + aad_size) % (size + LV_GCM_TAG_SIZE);
    const uint8_t before = *altered;
    *altered ^= (uint8_t)(1u << size % 8);
    CHECK(open(handle, record, size, opened) == LV_WRONG);
    CHECK(memcmp(opened, zeros, size) == 0);
    *altered = before;
}

/* Sealed where the plaintext stands, at every alignment. */
static void seal_gcm(const lv_gcm *gcm, size_t size)
{
    uint8_t *record = sealed + size % 17;
    fill(nonce, sizeof nonce, size);
    (void)memcpy(record, plain, size);
    CHECK(lv_gcm_seal(gcm, nonce, aad, aad_size, record, size, record) == LV_OK);
    give(record, size + LV_GCM_TAG_SIZE);
    opens_and_refuses(open_gcm, gcm, record, size);
}

static void seal_xaes(const lv_xaes *xaes, size_t size)
{
    fill(nonce, sizeof nonce, size);
    CHECK(lv_xaes_seal(xaes, nonce, aad, aad_size, plain, size, sealed) == LV_OK);
    give(sealed, size + LV_GCM_TAG_SIZE);
    opens_and_refuses(open_xaes, xaes, sealed, size);
}

static void single_records(uint32_t level)
{
    for (size_t k = 0; k < sizeof key_sizes / sizeof key_sizes[0]; k++) {
        lv_gcm *gcm;
        fill(key, sizeof key, key_sizes[k]);
        CHECK(lv_gcm_new(level, key, key_sizes[k], &gcm) == LV_OK);
        for (size_t a = 0; a < sizeof aad_sizes / sizeof aad_sizes[0]; a++) {
            aad_size = aad_sizes[a];
            for (size_t size = 0; size <= EVERY_SIZE; size++) {
                seal_gcm(gcm, size);
            }
            for (size_t i = 0; i < sizeof large_sizes / sizeof large_sizes[0]; i++) {
                seal_gcm(gcm, large_sizes[i]);
            }
        }
        lv_gcm_free(gcm);
    }
}

static void give_batch(const lv_xaes *xaes, const uint8_t *prefix, const int64_t *offsets, const int64_t *sealed_offsets)
{
    static int64_t opened_offsets[BATCH + 1];
    static uint8_t outcomes[BATCH];
    size_t failed, unknown;
    lv_ring *ring;
    give(sealed, (size_t)sealed_offsets[BATCH]);
    CHECK(lv_ring_new(PREFIX, &ring) == LV_OK && lv_ring_add(ring, prefix, xaes, aad, aad_size) == LV_OK);
    (void)memset(outcomes, LV_UNKNOWN, sizeof outcomes);
    sealed[sealed_offsets[BATCH / 2] + AROUND - 1] ^= 1; /* one of them, in its tag or before */
    CHECK(lv_xaes_open_many(ring, sealed, sealed_offsets, BATCH, opened, opened_offsets, outcomes, &failed, &unknown) == LV_OK);
    CHECK(failed == 1 && unknown == 0);
    for (size_t i = 0; i < BATCH; i++) {
        const size_t size = (size_t)(offsets[i + 1] - offsets[i]);
        const uint8_t *expected = i == BATCH / 2 ? zeros : plain + offsets[i];
        CHECK(outcomes[i] == (i == BATCH / 2 ? LV_FAILED : LV_OPENED));
        CHECK(memcmp(opened + opened_offsets[i], expected, size) == 0);
    }
    lv_ring_free(ring);
}

/* Records of many sizes in one call, under one derived key and under each its own. */
static void batches(const lv_xaes *xaes)
{
    static int64_t offsets[BATCH + 1], sealed_offsets[BATCH + 1];
    static uint8_t nonces[BATCH * LV_XAES_NONCE_SIZE];
    const uint8_t prefix[PREFIX] = "a prefix";
    lv_gcm *gcm;
    for (size_t i = 0; i < BATCH; i++) {
        offsets[i + 1] = offsets[i] + (int64_t)(i < BATCH / 2 ? i * 97 % 200 : i * 397 % EVERY_SIZE);
    }
    aad_size = 33;
    fill(nonce, sizeof nonce, 1);
    CHECK(lv_xaes_derive(xaes, nonce, &gcm) == LV_OK);
    CHECK(lv_xaes_seal_many(gcm, nonce, prefix, PREFIX, aad, aad_size, plain, offsets, BATCH, sealed, sealed_offsets) == LV_OK);
    lv_gcm_free(gcm);
    give_batch(xaes, prefix, offsets, sealed_offsets);
    fill(nonces, sizeof nonces, 2);
    CHECK(lv_xaes_seal_each(xaes, nonces, prefix, PREFIX, aad, aad_size, plain, offsets, BATCH, sealed, sealed_offsets) == LV_OK);
    give_batch(xaes, prefix, offsets, sealed_offsets);
}

static void derived_keys(uint32_t level)
{
    lv_xaes *xaes;
    fill(key, sizeof key, 99);
    CHECK(lv_xaes_new(level, key, &xaes) == LV_OK);
    aad_size = 13;
    for (size_t size = 0; size <= EVERY_SIZE; size += 11) {
        seal_xaes(xaes, size);
    }
    seal_xaes(xaes, LARGEST);
    batches(xaes);
    lv_xaes_free(xaes);
}

/* A level that cannot be used says so from its status to every key that is asked of it. */
static void list_levels(void)
{
    for (uint32_t level = 0; lv_level_name(level) != NULL; level++) {
        const int status = lv_level_status(level);
        lv_gcm *gcm = NULL;
        lv_xaes *xaes = NULL;
        CHECK(lv_gcm_new(level, key, 32, &gcm) == (status == LV_OK ? LV_OK : LV_NO_LEVEL));
        CHECK(lv_xaes_new(level, key, &xaes) == (status == LV_OK ? LV_OK : LV_NO_LEVEL));
        CHECK((gcm == NULL) == (status != LV_OK) && (xaes == NULL) == (status != LV_OK));
        (void)printf("%s %d\n", lv_level_name(level), status);
        lv_gcm_free(gcm);
        lv_xaes_free(xaes);
    }
}

int main(int argc, char **argv)
{
    CHECK(lv_init() == LV_OK);
    fill(plain, sizeof plain, 3);
    fill(aad, sizeof aad, 5);
    if (argc < 2) {
        list_levels();
        return 0;
    }
    const uint32_t level = (uint32_t)strtoul(argv[1], NULL, 10);
    single_records(level);
    derived_keys(level);
    return fflush(stdout) == 0 ? 0 : 1;
}

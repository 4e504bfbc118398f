/* AES-GCM, one record a call: against the specifications' own words, at the ends of pages, and with every bit changed. Part
 * of test_gcm. */
#include "harness.h"
#include "reference.h"

enum { LONGEST = 4200, TAG = LV_GCM_TAG_SIZE, MARGIN = 64, UNUSED = 0xa5 };

static const size_t key_sizes[] = {16, 24, 32};
#define EACH_KEY_SIZE(k) for (size_t k = 0; k < 3; k++)

/* ---- against the specifications --------------------------------------------------------------------------------- */

/* One record, everything known of it. */
struct known {
    const uint8_t *nonce, *aad, *plain, *sealed;
    size_t aad_size, size;
};

/* Seals and opens, from buffer to buffer and in place, with offsets for `in` and `out`; nothing around `out` changes. */
static void agrees(const lv_gcm *gcm, const struct known *k, size_t in_offset, size_t out_offset)
{
    static uint8_t in_room[LONGEST + 256], out_room[LONGEST + 256];
    uint8_t *in = in_room + in_offset, *out = out_room + MARGIN + out_offset;
    (void)memset(out_room, UNUSED, sizeof out_room);
    (void)memcpy(in, k->plain, k->size);
    CHECK(lv_gcm_seal(gcm, k->nonce, k->aad, k->aad_size, in, k->size, out) == LV_OK);
    CHECK_AT(memcmp(out, k->sealed, k->size + TAG) == 0, "size %zu, aad %zu", k->size, k->aad_size);
    CHECK(memcmp(in, k->plain, k->size) == 0);
    CHECK_AT(all_are(out_room, MARGIN + out_offset, UNUSED) && all_are(out + k->size + TAG, MARGIN, UNUSED),
             "size %zu", k->size);
    CHECK(lv_gcm_open(gcm, k->nonce, k->aad, k->aad_size, out, k->size, out) == LV_OK);
    CHECK_AT(memcmp(out, k->plain, k->size) == 0, "size %zu, aad %zu", k->size, k->aad_size);
    CHECK(lv_gcm_seal(gcm, k->nonce, k->aad, k->aad_size, out, k->size, out) == LV_OK);
    CHECK_AT(memcmp(out, k->sealed, k->size + TAG) == 0, "size %zu, aad %zu", k->size, k->aad_size);
    (void)memset(out_room, UNUSED, sizeof out_room);
    (void)memcpy(in, k->sealed, k->size + TAG);
    CHECK(lv_gcm_open(gcm, k->nonce, k->aad, k->aad_size, in, k->size, out) == LV_OK);
    CHECK_AT(memcmp(out, k->plain, k->size) == 0, "size %zu, aad %zu", k->size, k->aad_size);
    CHECK(all_are(out_room, MARGIN + out_offset, UNUSED) && all_are(out + k->size, MARGIN + TAG, UNUSED));
    CHECK(memcmp(in, k->sealed, k->size + TAG) == 0);
}

/* Under one key, all lengths: the reference goes on from one to the next. */
static void all_lengths(uint32_t level, size_t key_size, size_t aad_size)
{
    uint8_t key[32], nonce[12], aad[100], plain[LONGEST], sealed[LONGEST + TAG];
    struct reference reference;
    chance_fill(key, sizeof key);
    chance_fill(nonce, sizeof nonce);
    chance_fill(aad, sizeof aad);
    chance_fill(plain, sizeof plain);
    lv_gcm *gcm = gcm_new(level, key, key_size);
    reference_begin(&reference, key, key_size, nonce, aad, aad_size);
    for (size_t size = 0; size <= LONGEST; size++) {
        reference_tag(&reference, sealed + size);
        agrees(gcm, &(struct known){nonce, aad, plain, sealed, aad_size, size}, size % 16, (size / 16 + size / 512) % 16);
        if (size < LONGEST) {
            sealed[size] = reference_next(&reference, plain[size]);
        }
    }
    lv_gcm_free(gcm);
}

static void every_length_is_as_specified(void)
{
    EACH_LEVEL(level) {
        EACH_KEY_SIZE(k) {
            all_lengths(level, key_sizes[k], k * 13);
            if (harness_is_long) {
                all_lengths(level, key_sizes[k], 100);
            }
        }
    }
}

static void every_length_of_aad_is_as_specified(void)
{
    static const size_t more[] = {65, 127, 128, 129, 496, 511, 512, 513, 559, 560, 575, 576, 577, 1152, 5000, 70001};
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 496, 511, 512, 560, 576, 1535};
    static uint8_t aad[70001 + 16];
    uint8_t key[32], nonce[12], plain[1535], sealed[1535 + TAG];
    chance_fill(aad, sizeof aad);
    chance_fill(plain, sizeof plain);
    for (size_t i = 0; i < 65 + sizeof more / sizeof more[0]; i++) {
        const size_t aad_size = i < 65 ? i : more[i - 65], offset = i % 16;
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            chance_fill(key, sizeof key);
            chance_fill(nonce, sizeof nonce);
            const size_t key_size = key_sizes[(i + s) % 3], size = sizes[s];
            reference_seal(key, key_size, nonce, aad + offset, aad_size, plain, size, sealed);
            EACH_LEVEL(level) {
                lv_gcm *gcm = gcm_new(level, key, key_size);
                agrees(gcm, &(struct known){nonce, aad + offset, plain, sealed, aad_size, size}, 0, 0);
                lv_gcm_free(gcm);
            }
        }
    }
}

static void any_alignment_of_buffers_does(void)
{
    static const size_t sizes[] = {1, 31, 64, 100, 496, 511, 512, 560, 561, 1111, 2000};
    const size_t step = harness_is_long ? 1 : 5;
    uint8_t key[32], rooms[2][64], plain[2000], sealed[2000 + TAG];
    chance_fill(key, sizeof key);
    chance_fill(plain, sizeof plain);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (size_t offset = 0; offset < 256; offset += step) {
            uint8_t *nonce = rooms[0] + offset % 16, *aad = rooms[1] + offset / 16;
            chance_fill(nonce, 12);
            chance_fill(aad, 20);
            reference_seal(key, 32, nonce, aad, 20, plain, sizes[s], sealed);
            EACH_LEVEL(level) {
                lv_gcm *gcm = gcm_new(level, key, 32);
                agrees(gcm, &(struct known){nonce, aad, plain, sealed, 20, sizes[s]}, offset % 16, offset / 16);
                lv_gcm_free(gcm);
            }
        }
    }
}

/* ---- the ends of pages ------------------------------------------------------------------------------------------ */

enum { IN, OUT, AAD, NONCE, KEY, FENCES };

/* Each buffer ends where a page begins that cannot be touched, or begins where one ends. */
static void seals_and_opens_at_fences(uint32_t level, const struct fenced *fenced, size_t size, size_t aad_size, int at_end)
{
    const size_t sizes[FENCES] = {[IN] = size, [OUT] = size + TAG, [AAD] = aad_size, [NONCE] = 12, [KEY] = 32};
    uint8_t *at[FENCES], sealed[2100 + TAG], plain[2100];
    for (size_t i = 0; i < FENCES; i++) {
        at[i] = at_end ? fenced[i].end - sizes[i] : fenced[i].begin;
        chance_fill(at[i], sizes[i]);
    }
    reference_seal(at[KEY], 32, at[NONCE], at[AAD], aad_size, at[IN], size, sealed);
    (void)memcpy(plain, at[IN], size);
    lv_gcm *gcm = gcm_new(level, at[KEY], 32);
    CHECK(lv_gcm_seal(gcm, at[NONCE], at[AAD], aad_size, at[IN], size, at[OUT]) == LV_OK);
    CHECK_AT(memcmp(at[OUT], sealed, size + TAG) == 0, "size %zu, aad %zu", size, aad_size);
    /* Back from there, to where it came from. */
    uint8_t *back = at_end ? fenced[IN].end - size : fenced[IN].begin;
    (void)memset(back, 0, size);
    CHECK(lv_gcm_open(gcm, at[NONCE], at[AAD], aad_size, at[OUT], size, back) == LV_OK);
    CHECK_AT(memcmp(back, plain, size) == 0, "size %zu, aad %zu", size, aad_size);
    CHECK(lv_gcm_open(gcm, at[NONCE], at[AAD], aad_size, at[OUT], size, at[OUT]) == LV_OK);
    CHECK(lv_gcm_seal(gcm, at[NONCE], at[AAD], aad_size, at[OUT], size, at[OUT]) == LV_OK);
    CHECK(memcmp(at[OUT], sealed, size + TAG) == 0);
    lv_gcm_free(gcm);
}

static void nothing_outside_of_buffers_is_touched(void)
{
    struct fenced fenced[FENCES];
    for (size_t i = 0; i < FENCES; i++) {
        fenced[i] = fenced_new();
    }
    const size_t most = harness_is_long ? 2100 : 700;
    EACH_LEVEL(level) {
        for (size_t size = 0; size <= most; size++) {
            seals_and_opens_at_fences(level, fenced, size, size % 67, 1);
            seals_and_opens_at_fences(level, fenced, size, size % 67, 0);
        }
        for (size_t aad_size = 0; aad_size <= most; aad_size++) {
            seals_and_opens_at_fences(level, fenced, aad_size % 19, aad_size, 1);
            seals_and_opens_at_fences(level, fenced, aad_size % 19, aad_size, 0);
        }
    }
    for (size_t i = 0; i < FENCES; i++) {
        fenced_free(fenced[i]);
    }
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

/* Flips every bit of some bytes in turn; each time the record is refused and nothing is given out. */
static void each_bit_matters(const lv_gcm *gcm, const struct known *k, uint8_t *bytes, size_t count, uint8_t *out)
{
    for (size_t bit = 0; bit < count * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        (void)memset(out, UNUSED, k->size + MARGIN);
        CHECK_AT(lv_gcm_open(gcm, k->nonce, k->aad, k->aad_size, k->sealed, k->size, out) == LV_WRONG, "size %zu, bit %zu",
                 k->size, bit);
        CHECK_AT(all_are(out, k->size, 0) && all_are(out + k->size, MARGIN, UNUSED), "size %zu, bit %zu", k->size, bit);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void every_flipped_bit_is_refused_and_wiped(void)
{
    static const size_t sizes[] = {0, 1, 16, 31, 100, 300, 511, 1111};
    uint8_t key[32], nonce[12], aad[37], plain[1111], sealed[1111 + TAG], out[1111 + TAG + MARGIN];
    chance_fill(plain, sizeof plain);
    EACH_LEVEL(level) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            chance_fill(key, sizeof key);
            chance_fill(nonce, sizeof nonce);
            chance_fill(aad, sizeof aad);
            const size_t size = sizes[s], aad_size = s == 0 ? 0 : sizeof aad;
            reference_seal(key, key_sizes[s % 3], nonce, aad, aad_size, plain, size, sealed);
            const struct known known = {nonce, aad, plain, sealed, aad_size, size};
            lv_gcm *gcm = gcm_new(level, key, key_sizes[s % 3]);
            each_bit_matters(gcm, &known, sealed, size + TAG, out);
            each_bit_matters(gcm, &known, nonce, sizeof nonce, out);
            each_bit_matters(gcm, &known, aad, aad_size, out);
            /* In place, the tag that is compared is the one that came. */
            sealed[0] ^= 1;
            CHECK(lv_gcm_open(gcm, nonce, aad, aad_size, sealed, size, sealed) == LV_WRONG && all_are(sealed, size, 0));
            lv_gcm_free(gcm);
        }
    }
}

static void moved_lengths_are_refused(void)
{
    /* Bytes taken from the data to the associated data, or cut off: the lengths are part of the hash. */
    uint8_t key[32] = {1}, nonce[12] = {2}, all[64] = {0}, sealed[64 + TAG], out[64];
    EACH_LEVEL(level) {
        lv_gcm *gcm = gcm_new(level, key, 32);
        CHECK(lv_gcm_seal(gcm, nonce, all, 32, all, 32, sealed) == LV_OK);
        CHECK(lv_gcm_open(gcm, nonce, all, 32, sealed, 32, out) == LV_OK);
        CHECK(lv_gcm_open(gcm, nonce, all, 31, sealed, 32, out) == LV_WRONG);
        CHECK(lv_gcm_open(gcm, nonce, all, 33, sealed, 32, out) == LV_WRONG);
        for (size_t size = 0; size < 32; size++) {
            CHECK(lv_gcm_open(gcm, nonce, all, 32, sealed, size, out) == LV_WRONG && all_are(out, size, 0));
        }
        lv_gcm_free(gcm);
    }
}

/* ---- the counter ------------------------------------------------------------------------------------------------ */

/* The 32 bits count up to 2^32 - 1 at most (the longest record); where a byte of them carries, the next one must rise and
 * the nonce before them must not. Of zeros the ciphertext is the key stream. */
static void seals_blocks(uint32_t level, uint8_t *room, size_t size, size_t compared)
{
    uint8_t key[32], nonce[12], block[16], expected[16];
    chance_fill(key, sizeof key);
    (void)memset(nonce, 0xff, sizeof nonce);
    (void)memset(room, 0, size);
    lv_gcm *gcm = gcm_new(level, key, 32);
    CHECK(lv_gcm_seal(gcm, nonce, NULL, 0, room, size, room) == LV_OK);
    for (size_t at = size > compared ? (size - compared) / 16 * 16 : 0; at < size; at += 16) {
        const uint32_t counter = (uint32_t)(at / 16 + 2);
        (void)memcpy(block, nonce, 12);
        for (unsigned i = 0; i < 4; i++) {
            block[12 + i] = (uint8_t)(counter >> (24 - 8 * i));
        }
        reference_aes(key, 32, block, expected);
        CHECK_AT(memcmp(room + at, expected, size - at < 16 ? size - at : 16) == 0, "block %zu", at / 16);
    }
    CHECK(lv_gcm_open(gcm, nonce, NULL, 0, room, size, room) == LV_OK && all_are(room, size, 0));
    lv_gcm_free(gcm);
}

static void the_counter_carries(void)
{
    const size_t most = harness_is_long ? ((size_t)1 << 28) + 1000 : ((size_t)1 << 20) + 1000;
    uint8_t *room = malloc(most + TAG);
    CHECK(room != NULL);
    EACH_LEVEL(level) {
        for (size_t blocks = 250; blocks <= 260; blocks++) {
            seals_blocks(level, room, blocks * 16 + blocks % 16, SIZE_MAX);
        }
        seals_blocks(level, room, ((size_t)1 << 20) + 1000, 2000);
        if (harness_is_long) {
            seals_blocks(level, room, most, 2000);
        }
    }
    free(room);
}

/* A long record's tag, which the key stream alone says nothing about. */
static void a_long_record_is_as_specified(void)
{
    const size_t size = ((size_t)1 << 20) + 77;
    uint8_t *plain = malloc(size), *sealed = malloc(size + TAG), *out = malloc(size + TAG), key[32], nonce[12];
    CHECK(plain != NULL && sealed != NULL && out != NULL);
    chance_fill(key, sizeof key);
    chance_fill(nonce, sizeof nonce);
    chance_fill(plain, size);
    reference_seal(key, 32, nonce, nonce, 12, plain, size, sealed);
    EACH_LEVEL(level) {
        lv_gcm *gcm = gcm_new(level, key, 32);
        CHECK(lv_gcm_seal(gcm, nonce, nonce, 12, plain, size, out) == LV_OK && memcmp(out, sealed, size + TAG) == 0);
        CHECK(lv_gcm_open(gcm, nonce, nonce, 12, out, size, out) == LV_OK && memcmp(out, plain, size) == 0);
        lv_gcm_free(gcm);
    }
    free(plain);
    free(sealed);
    free(out);
}

const struct test gcm_tests[] = {
    TEST(every_length_is_as_specified),
    TEST(every_length_of_aad_is_as_specified),
    TEST(any_alignment_of_buffers_does),
    TEST(nothing_outside_of_buffers_is_touched),
    TEST(every_flipped_bit_is_refused_and_wiped),
    TEST(moved_lengths_are_refused),
    TEST(the_counter_carries),
    TEST(a_long_record_is_as_specified),
    {NULL, NULL},
};

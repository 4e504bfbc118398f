/* What every level must answer before it is used.
 *
 * The first two records are test cases 4, 10 and 16 of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)",
 * appendix B, for the three sizes of key. The long one runs through whole steps and all powers of H; its tags were made with
 * OpenSSL. The derived key is checked by the first vector of c2sp.org/XAES-256-GCM. */
#include "aes_gcm/aes_gcm.h"

#include <string.h>

static const uint8_t key[32] = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08,
                                0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
static const uint8_t nonce[12] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
static const uint8_t aad[20] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
                                0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
static const uint8_t plain[60] = {
    0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59, 0x09, 0xc5, 0xaf, 0xf5, 0x26, 0x9a, 0x86, 0xa7, 0xa9, 0x53,
    0x15, 0x34, 0xf7, 0xda, 0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31, 0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95, 0x95, 0x68, 0x09, 0x53,
    0x2f, 0xcf, 0x0e, 0x24, 0x49, 0xa6, 0xb5, 0x25, 0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39};

struct answer {
    size_t key_size;
    uint8_t first[8]; /* of the ciphertext */
    uint8_t tag[16];
    uint8_t long_tag[16];
};

static const struct answer answers[] = {
    {16,
     {0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24},
     {0x5b, 0xc9, 0x4f, 0xbc, 0x32, 0x21, 0xa5, 0xdb, 0x94, 0xfa, 0xe9, 0x5a, 0xe7, 0x12, 0x1a, 0x47},
     {0xae, 0x5a, 0xad, 0x7d, 0x69, 0x13, 0x22, 0x5c, 0x9d, 0xac, 0xa6, 0x59, 0x40, 0xe6, 0x85, 0x23}},
    {24,
     {0x39, 0x80, 0xca, 0x0b, 0x3c, 0x00, 0xe8, 0x41},
     {0x25, 0x19, 0x49, 0x8e, 0x80, 0xf1, 0x47, 0x8f, 0x37, 0xba, 0x55, 0xbd, 0x6d, 0x27, 0x61, 0x8c},
     {0x1b, 0x8a, 0x04, 0x91, 0x69, 0x3f, 0xc9, 0x77, 0xd3, 0xd0, 0xe9, 0xf8, 0x65, 0x49, 0xba, 0xe2}},
    {32,
     {0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07},
     {0x76, 0xfc, 0x6e, 0xce, 0x0f, 0x4e, 0x17, 0x68, 0xcd, 0xdf, 0x88, 0x53, 0xbb, 0x2d, 0x55, 0x1b},
     {0xea, 0x2c, 0x33, 0x22, 0x79, 0xda, 0x9e, 0xe4, 0x2d, 0x24, 0x27, 0x38, 0x73, 0x1e, 0x72, 0xc0}},
};

#define LONG_SIZE 1535 /* of every level the longest rest behind whole steps */
#define LONG_AAD 600

/* Room for the test, which holds nothing secret. */
struct bench {
    struct lv_gcm_key key;
    struct lv_gcm_stream stream;
    struct lv_gcm_item items[1];
    uint8_t long_key[32], long_nonce[12], long_aad[LONG_AAD], long_plain[LONG_SIZE];
    uint8_t sealed[2][LONG_SIZE + LV_GCM_TAG], opened[LONG_SIZE];
};

static void fill(uint8_t *bytes, size_t size, unsigned step, unsigned first)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * step + first);
    }
}

/* Seals, compares, opens again, and sees that a changed bit is noticed and wiped. */
static int opens_and_refuses(const struct lv_gcm_impl *impl, struct bench *bench, struct lv_gcm_item item, const uint8_t *tag,
                             const uint8_t *original)
{
    const uint8_t nothing[LONG_SIZE] = {0};
    impl->seal(&bench->key, &item, 1, &bench->stream);
    if (memcmp(item.tag, tag, LV_GCM_TAG) != 0) {
        return 0;
    }
    struct lv_gcm_item back = item;
    back.in = item.out;
    back.out = bench->opened;
    impl->open(&bench->key, &back, 1, &bench->stream);
    if (back.failed || memcmp(bench->opened, original, item.size) != 0) {
        return 0;
    }
    item.out[item.size / 2] ^= 4;
    impl->open(&bench->key, &back, 1, &bench->stream);
    return back.failed && memcmp(bench->opened, nothing, item.size) == 0;
}

static int gives_answer(const struct lv_gcm_impl *impl, struct bench *bench, const struct answer *answer)
{
    uint8_t *short_out = bench->sealed[0], *long_out = bench->sealed[1];
    impl->expand(&bench->key, key, answer->key_size);
    const struct lv_gcm_item small = {nonce, aad, sizeof aad, plain, short_out, sizeof plain, short_out + sizeof plain, 0};
    bench->items[0] = small;
    impl->seal(&bench->key, bench->items, 1, &bench->stream);
    if (memcmp(short_out, answer->first, sizeof answer->first) != 0 ||
        !opens_and_refuses(impl, bench, small, answer->tag, plain)) {
        return 0;
    }
    impl->expand(&bench->key, bench->long_key, answer->key_size);
    const struct lv_gcm_item large = {bench->long_nonce, bench->long_aad, LONG_AAD,             bench->long_plain,
                                      long_out,          LONG_SIZE,       long_out + LONG_SIZE, 0};
    return opens_and_refuses(impl, bench, large, answer->long_tag, bench->long_plain);
}

static int derives(const struct lv_gcm_impl *impl, struct bench *bench)
{
    static const uint8_t expected[28] = {0xce, 0x54, 0x6e, 0xf6, 0x3c, 0x9c, 0xc6, 0x07, 0x65, 0x92, 0x36, 0x09, 0xb3, 0x3a,
                                         0x9a, 0x19, 0x74, 0xe9, 0x6e, 0x52, 0xda, 0xf2, 0xfc, 0xf7, 0x07, 0x5e, 0x22, 0x71};
    const uint8_t *text = (const uint8_t *)"XAES-256-GCM", *full = (const uint8_t *)"ABCDEFGHIJKLMNOPQRSTUVWX";
    const size_t size = sizeof expected - LV_GCM_TAG;
    struct lv_gcm_key derived[LV_DERIVED_AT_ONCE];
    struct lv_round_keys parent;
    uint8_t subkey[LV_BLOCK], out[sizeof expected];
    fill(bench->long_key, sizeof bench->long_key, 0, 1);
    impl->expand_parent(&parent, subkey, bench->long_key);
    for (size_t count = 1; count <= 2; count++) {
        const uint8_t *const nonces[2] = {full, full};
        impl->derive(&parent, subkey, nonces, count, derived);
        impl->raise(&derived[count - 1], 2);
        struct lv_gcm_item item = {full + LV_GCM_NONCE, NULL, 0, text, out, size, out + size, 0};
        impl->seal(&derived[count - 1], &item, 1, &bench->stream);
        if (memcmp(out, expected, sizeof expected) != 0) {
            return 0;
        }
    }
    return 1;
}

int lv_gcm_self_test(const struct lv_gcm_impl *impl)
{
    static struct bench bench;
    fill(bench.long_key, sizeof bench.long_key, 1, 0);
    fill(bench.long_nonce, sizeof bench.long_nonce, 1, 0);
    fill(bench.long_plain, sizeof bench.long_plain, 7, 3);
    fill(bench.long_aad, sizeof bench.long_aad, 5, 1);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (!gives_answer(impl, &bench, &answers[i])) {
            return LV_WRONG;
        }
    }
    return derives(impl, &bench) ? LV_OK : LV_WRONG;
}

/* Does this processor, or what emulates it, compute what the manual says? Random and extreme inputs to the
 * instructions that the AVX-512 kernels are made of, each against plain C.
 *
 *     check [ROUNDS [SEED]]      exit status 0: all agree; 1: some do not, the first of each kind is printed;
 *                                2: the processor lacks something
 *
 * To be compiled with -O1: with more the compiler may make vector code of the plain C, and then the emulator is asked
 * twice instead of checked. The instructions: Intel SDM volume 2; AES: FIPS 197. */
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LANES = 8, WIDTH = 64, PAGE = 4096, KINDS = 64 };

#define LOW52 ((UINT64_C(1) << 52) - 1)

__extension__ typedef unsigned __int128 uint128;

/* The three operands, two masks, and the result that plain C expects. */
static uint64_t a[LANES], b[LANES], c[LANES], want[LANES];
static __mmask8 lanes;
static __mmask64 bytes;

static uint64_t seed;

/* SplitMix64: any generator would do, this one is short. */
static uint64_t random64(void)
{
    seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* One in three is at a boundary: carries and masks go wrong there. */
static uint64_t operand(void)
{
    const uint64_t kind = random64(), bit = UINT64_C(1) << (kind >> 58);
    const uint64_t extremes[6] = {0, UINT64_MAX, LOW52, bit, bit - 1, ~(bit - 1)};
    return kind % 18 < 6 ? extremes[kind % 18] : random64();
}

static void draw(void)
{
    for (size_t i = 0; i < LANES; i++) {
        a[i] = operand();
        b[i] = operand();
        c[i] = operand();
    }
    lanes = (__mmask8)operand();
    bytes = operand();
}

static struct kind {
    const char *name;
    unsigned long compared, wrong;
} kinds[KINDS];

static void print(const char *what, const void *from, size_t size)
{
    const uint8_t *at = from;
    printf("  %-4s ", what);
    for (size_t i = 0; i < size; i++) {
        printf("%02x", at[i]);
    }
    printf("\n");
}

/* The name is compared by its address: every call has its own. */
static void compare(const char *name, const void *got, size_t size)
{
    size_t i = 0;
    while (i < KINDS - 1 && kinds[i].name != NULL && kinds[i].name != name) {
        i++;
    }
    kinds[i].name = name;
    kinds[i].compared++;
    if (memcmp(got, want, size) == 0) {
        return;
    }
    if (kinds[i].wrong++ == 0) {
        printf("%s is wrong:\n", name);
        print("a", a, sizeof a);
        print("b", b, sizeof b);
        print("c", c, sizeof c);
        print("got", got, size);
        print("want", want, size);
    }
}

/* c plus the low or the high 52 bits of the product of the low 52 bits of x and y, where the mask says so. */
static void want_madd(bool high, const uint64_t *y, unsigned step, unsigned mask)
{
    for (unsigned i = 0; i < LANES; i++) {
        const uint128 product = (uint128)(a[i] & LOW52) * (y[i * step] & LOW52);
        const uint64_t part = (high ? (uint64_t)(product >> 52) : (uint64_t)product) & LOW52;
        want[i] = (mask >> i & 1) != 0 ? c[i] + part : c[i];
    }
}

/* The product in the field of AES. */
static uint8_t times(unsigned x, unsigned y)
{
    unsigned product = 0;
    for (; y != 0; y >>= 1) {
        product ^= (y & 1) != 0 ? x : 0;
        x = (x << 1) ^ ((x & 0x80) != 0 ? 0x11b : 0);
    }
    return (uint8_t)product;
}

static uint8_t sbox[256], inverse_sbox[256];

/* FIPS 197, 5.1.1: the inverse in the field, then the affine map. */
static void make_sboxes(void)
{
    for (unsigned x = 0; x < 256; x++) {
        unsigned inverse = 0;
        while (x != 0 && times(x, inverse) != 1) {
            inverse++;
        }
        const unsigned twice = inverse | inverse << 8; /* a shift of it is a rotation of the byte */
        const unsigned y = (inverse ^ twice >> 4 ^ twice >> 5 ^ twice >> 6 ^ twice >> 7 ^ 0x63) & 0xff;
        sbox[x] = (uint8_t)y;
        inverse_sbox[y] = (uint8_t)x;
    }
}

/* One round on one block: rows shifted, bytes substituted, columns mixed but in the last round, key added. */
static void aes_round(uint8_t *out, const uint8_t *in, const uint8_t *key, bool forth, bool last)
{
    static const uint8_t mix[2][4] = {{14, 11, 13, 9}, {2, 3, 1, 1}};
    uint8_t moved[16];
    for (unsigned i = 0; i < 16; i++) {
        const unsigned row = i % 4, from = (forth ? i + 4 * row : i + 16 - 4 * row) % 16;
        moved[i] = forth ? sbox[in[from]] : inverse_sbox[in[from]];
    }
    for (unsigned i = 0; i < 16; i++) {
        unsigned mixed = 0;
        for (unsigned k = 0; k < 4; k++) {
            mixed ^= times(moved[i / 4 * 4 + (i + k) % 4], mix[forth][k]);
        }
        out[i] = (uint8_t)((last ? moved[i] : mixed) ^ key[i]);
    }
}

static void want_round(bool forth, bool last)
{
    for (size_t block = 0; block < WIDTH; block += 16) {
        aes_round((uint8_t *)want + block, (const uint8_t *)a + block, (const uint8_t *)b + block, forth, last);
    }
}

/* Products without carries of one half of each block of a and one of b. */
static void want_product(size_t half_a, size_t half_b)
{
    for (size_t block = 0; block < LANES; block += 2) {
        uint128 product = 0;
        for (unsigned bit = 0; bit < 64; bit++) {
            product ^= (b[block + half_b] >> bit & 1) != 0 ? (uint128)a[block + half_a] << bit : 0;
        }
        want[block] = (uint64_t)product;
        want[block + 1] = (uint64_t)(product >> 64);
    }
}

/* Bytes of x where the mask says so, else of y. */
static void want_blend(const void *x, const void *y, uint64_t mask)
{
    const uint8_t *yes = x, *no = y;
    uint8_t *out = (uint8_t *)want;
    for (unsigned i = 0; i < WIDTH; i++) {
        out[i] = (mask >> i & 1) != 0 ? yes[i] : no[i];
    }
}

/* From here on with the instructions in question; what is above and below stays without them. */
#if defined(__clang__)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512ifma,vaes,vpclmulqdq"))),      \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512ifma,vaes,vpclmulqdq")
#endif

static __m512i load(const void *from)
{
    return _mm512_loadu_si512(from);
}

static __m256i load256(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

static void check512(const char *name, __m512i got)
{
    uint64_t out[LANES];
    _mm512_storeu_si512(out, got);
    compare(name, out, WIDTH);
}

/* The lower half of what is wanted. */
static void check256(const char *name, __m256i got)
{
    uint64_t out[LANES / 2];
    _mm256_storeu_si256((__m256i *)(void *)out, got);
    compare(name, out, WIDTH / 2);
}

static void check_mask(const char *name, uint64_t got, uint64_t expected)
{
    want[0] = expected;
    compare(name, &got, sizeof got);
}

static void check_ifma(void)
{
    want_madd(false, b, 1, 0xff);
    check512("vpmadd52luq 512", _mm512_madd52lo_epu64(load(c), load(a), load(b)));
    check256("vpmadd52luq 256", _mm256_madd52lo_epu64(load256(c), load256(a), load256(b)));
    want_madd(true, b, 1, 0xff);
    check512("vpmadd52huq 512", _mm512_madd52hi_epu64(load(c), load(a), load(b)));
    check256("vpmadd52huq 256", _mm256_madd52hi_epu64(load256(c), load256(a), load256(b)));
    want_madd(false, b, 0, 0xff);
    check512("vpmadd52luq one for all", _mm512_madd52lo_epu64(load(c), load(a), _mm512_set1_epi64((long long)b[0])));
    want_madd(false, b, 1, lanes);
    check512("vpmadd52luq masked", _mm512_mask_madd52lo_epu64(load(c), lanes, load(a), load(b)));
    want_madd(true, b, 1, lanes);
    check512("vpmadd52huq masked", _mm512_mask_madd52hi_epu64(load(c), lanes, load(a), load(b)));
}

static void check_aes(void)
{
    want_round(true, false);
    check512("vaesenc 512", _mm512_aesenc_epi128(load(a), load(b)));
    check256("vaesenc 256", _mm256_aesenc_epi128(load256(a), load256(b)));
    want_round(true, true);
    check512("vaesenclast 512", _mm512_aesenclast_epi128(load(a), load(b)));
    check256("vaesenclast 256", _mm256_aesenclast_epi128(load256(a), load256(b)));
    want_round(false, false);
    check512("vaesdec 512", _mm512_aesdec_epi128(load(a), load(b)));
    want_round(false, true);
    check512("vaesdeclast 512", _mm512_aesdeclast_epi128(load(a), load(b)));
}

static void check_clmul(void)
{
    want_product(0, 0);
    check512("vpclmulqdq 512 low low", _mm512_clmulepi64_epi128(load(a), load(b), 0x00));
    check256("vpclmulqdq 256 low low", _mm256_clmulepi64_epi128(load256(a), load256(b), 0x00));
    want_product(1, 0);
    check512("vpclmulqdq 512 high low", _mm512_clmulepi64_epi128(load(a), load(b), 0x01));
    want_product(0, 1);
    check512("vpclmulqdq 512 low high", _mm512_clmulepi64_epi128(load(a), load(b), 0x10));
    want_product(1, 1);
    check512("vpclmulqdq 512 high high", _mm512_clmulepi64_epi128(load(a), load(b), 0x11));
    check256("vpclmulqdq 256 high high", _mm256_clmulepi64_epi128(load256(a), load256(b), 0x11));
}

static void check_masks(void)
{
    static const uint8_t zeros[WIDTH];
    uint8_t stored[WIDTH];
    uint64_t below = 0, differ = 0;
    want_blend(a, zeros, bytes);
    check512("vmovdqu8 load, zeros elsewhere", _mm512_maskz_loadu_epi8(bytes, a));
    want_blend(a, c, bytes);
    check512("vmovdqu8 load, merged", _mm512_mask_loadu_epi8(load(c), bytes, a));
    memcpy(stored, c, WIDTH);
    _mm512_mask_storeu_epi8(stored, bytes, load(a));
    compare("vmovdqu8 store", stored, WIDTH);
    for (unsigned i = 0; i < LANES; i++) {
        below |= (uint64_t)(a[i] < b[i]) << i;
    }
    check_mask("vpcmpuq", _mm512_cmplt_epu64_mask(load(a), load(b)), below);
    for (unsigned i = 0; i < WIDTH; i++) {
        differ |= (uint64_t)(((const uint8_t *)a)[i] != ((const uint8_t *)b)[i]) << i;
    }
    check_mask("vpcmpb", _mm512_cmpneq_epi8_mask(load(a), load(b)), differ);
}

static void check_words(void)
{
    for (unsigned i = 0; i < LANES; i++) {
        want[i] = a[i] ^ b[i] ^ c[i];
    }
    check512("vpternlogq", _mm512_ternarylogic_epi64(load(a), load(b), load(c), 0x96));
    for (unsigned i = 0; i < LANES; i++) {
        want[i] = (lanes >> i & 1) != 0 ? a[i] - b[i] : c[i];
    }
    check512("vpsubq masked", _mm512_mask_sub_epi64(load(c), lanes, load(a), load(b)));
    for (unsigned i = 0; i < LANES; i++) {
        want[i] = a[i] >> 52;
    }
    check512("vpsrlq by 52", _mm512_srli_epi64(load(a), 52));
    for (unsigned i = 0; i < LANES; i++) {
        want[i] = (b[i] & 8) != 0 ? c[b[i] & 7] : a[b[i] & 7];
    }
    check512("vpermt2q", _mm512_permutex2var_epi64(load(a), load(b), load(c)));
    for (unsigned i = 0; i < WIDTH; i++) {
        const unsigned from = ((const uint8_t *)b)[i];
        ((uint8_t *)want)[i] = (from & 0x80) != 0 ? 0 : ((const uint8_t *)a)[i / 16 * 16 + from % 16];
    }
    check512("vpshufb", _mm512_shuffle_epi8(load(a), load(b)));
}

/* A byte that is masked out is not touched: up to the last byte of a page before one that must not be read or written.
 * If it is touched, this process ends by a signal. */
static void check_page_end(uint8_t *page)
{
    for (size_t length = 0; length <= WIDTH; length++) {
        const __mmask64 mask = length == WIDTH ? UINT64_MAX : (UINT64_C(1) << length) - 1;
        uint8_t *at = page + PAGE - length;
        _mm512_mask_storeu_epi8(at, mask, load(a));
        memset(want, 0, sizeof want);
        memcpy(want, a, length);
        check512("vmovdqu8 at the end of a page", _mm512_maskz_loadu_epi8(mask, at));
    }
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static int report(unsigned long rounds)
{
    unsigned long wrong = 0;
    for (size_t i = 0; i < KINDS && kinds[i].name != NULL; i++) {
        printf("%-32s %8lu compared, %lu wrong\n", kinds[i].name, kinds[i].compared, kinds[i].wrong);
        wrong += kinds[i].wrong;
    }
    printf("%lu rounds, %lu wrong\n", rounds, wrong);
    return wrong != 0 || rounds == 0;
}

/* Whether the processor has an instruction set; says so if it does not. A macro: the builtin takes only a literal. */
#define HAS(name) (__builtin_cpu_supports(name) || (printf("no %s\n", name), false))

/* Without "vaes", which clang 14 does not know here: no processor has VPCLMULQDQ and not VAES. */
static bool complete(void)
{
    return HAS("avx512f") && HAS("avx512bw") && HAS("avx512vl") && HAS("avx512dq") && HAS("avx512ifma")
           && HAS("vpclmulqdq");
}

int main(int count, char **arguments)
{
    const unsigned long rounds = count > 1 ? strtoul(arguments[1], NULL, 10) : 3000;
    seed = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
    if (!complete()) {
        return 2;
    }
    uint8_t *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_NONE) != 0) {
        perror("mmap");
        return 2;
    }
    make_sboxes();
    for (unsigned long i = 0; i < rounds; i++) {
        draw();
        check_ifma();
        check_aes();
        check_clmul();
        check_masks();
        check_words();
    }
    check_page_end(pages);
    return report(rounds);
}

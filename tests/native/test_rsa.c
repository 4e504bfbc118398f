/* Bulk RSA from C: one function a promise of lv_core.h, named on the command line, or "all" of them. A number N behind it makes
 * long ones shorter: one in N of their calls.
 *
 * Built with the core, with rsa_cases.py's text as rsa_cases.h, and either with rsa_ifma.c (then it needs a processor with
 * AVX512-IFMA, or an emulator of one, and ends with 77 elsewhere) or, defining LV_TEST_SCALAR, with rsa_scalar.c. */
#include "lv_core.h"
#include "rsa/rsa_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_HERE = 77, LONGEST = 512, MOST = 24 };

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

struct test_key {
    const char *what;
    size_t size;
    uint64_t e;
    const char *n, *p, *q, *dp, *dq, *qinv;
};

struct test_case {
    size_t key;
    const char *x, *y;
};

#include "rsa_cases.h"

#if defined(LV_TEST_SCALAR)

extern uint64_t lv_test_products, lv_test_fault_from, lv_test_fault_to;

/* How many vectors of products were made so far; 0 where nobody counts. */
static uint64_t products(void)
{
    return lv_test_products;
}

#else

static uint64_t products(void)
{
    return 0;
}

#endif

enum { KEYS = sizeof keys / sizeof keys[0], CASES = sizeof cases / sizeof cases[0] };

static lv_rsa *handles[KEYS];

/* One call: what goes in, what has to come out, what does. */
struct call {
    const lv_rsa *keys[MOST];
    uint8_t in[MOST * LONGEST], expected[MOST * LONGEST], out[MOST * LONGEST];
    uint8_t good[MOST];
    size_t size, count;
};

static struct call call;
static size_t every = 1;

static void from_hex(uint8_t *bytes, const char *text)
{
    for (size_t i = 0; text[2 * i] != 0; i++) {
        unsigned byte = 0;
        CHECK(sscanf(text + 2 * i, "%2x", &byte) == 1);
        bytes[i] = (uint8_t)byte;
    }
}

static int try_key(const struct test_key *key, lv_rsa **made)
{
    static uint8_t n[LONGEST], p[LONGEST], q[LONGEST], dp[LONGEST], dq[LONGEST], qinv[LONGEST];
    from_hex(n, key->n);
    from_hex(p, key->p);
    from_hex(q, key->q);
    from_hex(dp, key->dp);
    from_hex(dq, key->dq);
    from_hex(qinv, key->qinv);
    return lv_rsa_new(key->size, n, key->e, p, q, dp, dq, qinv, made);
}

static lv_rsa *handle(size_t index)
{
    if (handles[index] == NULL) {
        CHECK(try_key(&keys[index], &handles[index]) == LV_OK);
    }
    return handles[index];
}

static void begin(size_t size)
{
    (void)memset(&call, 0xa5, sizeof call);
    call.size = size;
    call.count = 0;
}

static void add(const struct test_case *one)
{
    from_hex(call.in + call.count * call.size, one->x);
    from_hex(call.expected + call.count * call.size, one->y);
    call.keys[call.count++] = handle(one->key);
}

static void expect_all_good(void)
{
    for (size_t i = 0; i < call.count; i++) {
        CHECK(call.good[i] == 1);
        CHECK(memcmp(call.out + i * call.size, call.expected + i * call.size, call.size) == 0);
    }
    for (size_t i = call.count * call.size; i < sizeof call.out; i++) {
        CHECK(call.out[i] == 0xa5);
    }
}

static void run_private(void)
{
    CHECK(lv_rsa_private(call.keys, call.in, call.out, call.good, call.count) == LV_OK);
}

static int is_zero(size_t item)
{
    for (size_t i = 0; i < call.size; i++) {
        if (call.out[item * call.size + i] != 0) {
            return 0;
        }
    }
    return 1;
}

/* The `index`th case of a size, counted around. */
static const struct test_case *case_of(size_t size, size_t index)
{
    for (size_t seen = 0, i = 0;; i = (i + 1) % CASES) {
        if (keys[cases[i].key].size == size && seen++ == index) {
            return &cases[i];
        }
    }
}

static void every_size_passes_its_self_test(void)
{
    CHECK(lv_rsa_status(256) == LV_OK && lv_rsa_status(384) == LV_OK && lv_rsa_status(512) == LV_OK);
    CHECK(lv_rsa_status(0) == LV_UNSUITABLE && lv_rsa_status(128) == LV_UNSUITABLE);
    CHECK(lv_rsa_status(255) == LV_UNSUITABLE && lv_rsa_status(640) == LV_UNSUITABLE);
}

/* Cases a stride apart stand together, so that keys are mixed; the stride shares no factor with the number of cases. */
static void all_cases_of(size_t size)
{
    size_t total = 0;
    for (size_t i = 0; i < CASES; i++) {
        total += keys[cases[i].key].size == size;
    }
    CHECK(total > 100 && total % 23 != 0);
    for (size_t done = 0; done < total; done += MOST * every) {
        begin(size);
        for (size_t i = 0; i < MOST && done + i < total; i++) {
            add(case_of(size, (done + i) * 23 % total));
        }
        run_private();
        expect_all_good();
        CHECK(lv_rsa_public(call.keys, call.expected, call.out, call.good, call.count) == LV_OK);
        (void)memcpy(call.expected, call.in, sizeof call.in);
        expect_all_good();
    }
}

static void known_answers_of_2048_bits(void)
{
    all_cases_of(256);
}

static void known_answers_of_3072_bits(void)
{
    all_cases_of(384);
}

static void known_answers_of_4096_bits(void)
{
    all_cases_of(512);
}

static void every_count_of_operations(void)
{
    begin(256);
    CHECK(lv_rsa_private(call.keys, call.in, call.out, call.good, 0) == LV_OK);
    for (size_t count = 1; count <= 17; count += every) {
        begin(256);
        for (size_t i = 0; i < count; i++) {
            add(case_of(256, 7 * count + 11 * i));
        }
        run_private();
        expect_all_good();
    }
}

static void output_may_take_the_place_of_input(void)
{
    begin(256);
    for (size_t i = 0; i < 10; i++) {
        add(case_of(256, 13 * i));
    }
    CHECK(lv_rsa_private(call.keys, call.in, call.in, call.good, call.count) == LV_OK);
    CHECK(memcmp(call.in, call.expected, call.count * call.size) == 0);
}

/* One key for longer than a pair of blinding factors serves, after another key. A call that makes a pair takes nearly twice
 * the products. */
static void blinding_is_renewed_in_time(void)
{
    uint64_t least = UINT64_MAX, made[LV_RSA_BLIND_USES + 3];
    size_t long_ones = 0;
    begin(256);
    add(case_of(256, 20));
    run_private();
    for (size_t i = 0; i < LV_RSA_BLIND_USES + 3; i++) {
        const uint64_t before = products();
        begin(256);
        add(case_of(256, i % 15));
        run_private();
        expect_all_good();
        made[i] = products() - before;
        least = made[i] < least ? made[i] : least;
    }
    for (size_t i = 0; i < LV_RSA_BLIND_USES + 3; i++) {
        const int is_long = made[i] > least + least / 2;
        CHECK(!is_long || i == 0 || i == LV_RSA_BLIND_USES);
        long_ones += (size_t)is_long;
    }
    CHECK(least == 0 || long_ones == 2);
}

static void numbers_from_the_modulus_on_are_refused_alone(void)
{
    begin(256);
    for (size_t i = 0; i < 8; i++) {
        add(case_of(256, i));
    }
    from_hex(call.in + 256, keys[cases[0].key].n);
    from_hex(call.in + 3 * 256, keys[cases[0].key].n);
    call.in[3 * 256 + 255] |= 2; /* above n, unless this bit is set in it */
    (void)memset(call.in + 6 * 256, 0xff, 256);
    for (int is_private = 0; is_private < 2; is_private++) {
        (void)memset(call.out, 0xa5, sizeof call.out);
        CHECK((is_private ? lv_rsa_private : lv_rsa_public)(call.keys, call.in, call.out, call.good, 8) == LV_OK);
        for (size_t i = 0; i < 8; i++) {
            const int refused = i == 1 || i == 3 || i == 6;
            CHECK(call.good[i] == !refused && (!refused || is_zero(i)));
        }
    }
}

/* One bit of every part of a key in turn, in one lane of eight. */
static void nothing_of_a_damaged_key_is_released(void)
{
    const size_t damaged = 1;
    struct lv_rsa_numbers *numbers = handle(damaged)->numbers;
    const size_t limbs = numbers->limbs, words = lv_rsa_prime_words(limbs);
    const size_t exponents = LV_RSA_EXPONENTS * limbs;
    const size_t places[] = {
        0, 2 * limbs - 1, 2 * limbs, 4 * limbs - 1, 4 * limbs, 5 * limbs - 1, 5 * limbs, 6 * limbs, 7 * limbs - 1,
        7 * limbs, 8 * limbs, 9 * limbs - 1, exponents, exponents + words - 1, exponents + words, exponents + 2 * words - 1,
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0] + 3; i++) {
        uint64_t *place = i < 3 ? &numbers->k0[i] : &numbers->words[places[i - 3]];
        begin(256);
        for (size_t lane = 0; lane < 8; lane++) {
            add(case_of(256, lane == 5 ? damaged * 18 + 16 : 17 + 18 * (lane % 4 + 2)));
        }
        CHECK(call.keys[5] == handle(damaged));
        *place ^= UINT64_C(1) << i;
        run_private();
        *place ^= UINT64_C(1) << i;
        for (size_t lane = 0; lane < 8; lane++) {
            CHECK(call.good[lane] == (lane != 5));
            CHECK(lane == 5 ? is_zero(5) : memcmp(call.out + lane * 256, call.expected + lane * 256, 256) == 0);
        }
    }
    begin(256);
    add(case_of(256, damaged * 18 + 16));
    run_private();
    expect_all_good();
}

static void keys_of_another_shape_are_refused(void)
{
    const struct test_key sound = keys[0];
    struct test_key key;
    static char n[2 * LONGEST + 1], p[2 * LONGEST + 1], q[2 * LONGEST + 1];
    lv_rsa *made = NULL;
    key = sound, key.size = 128;
    CHECK(try_key(&key, &made) == LV_UNSUITABLE);
    for (uint64_t e = 0; e < 3; e++) {
        key = sound, key.e = e;
        CHECK(try_key(&key, &made) == LV_UNSUITABLE);
    }
    key = sound, key.e = 65536;
    CHECK(try_key(&key, &made) == LV_UNSUITABLE);
    (void)strcpy(n, sound.n);
    key = sound, key.n = n, n[0] = '7';
    CHECK(try_key(&key, &made) == LV_UNSUITABLE);
    (void)strcpy(n, sound.n);
    n[511] = '0';
    CHECK(try_key(&key, &made) == LV_UNSUITABLE);
    (void)strcpy(p, sound.p);
    key = sound, key.p = p, p[0] = '7';
    CHECK(try_key(&key, &made) == LV_UNSUITABLE);
    (void)strcpy(q, sound.q);
    key = sound, key.q = q, q[255] = '2';
    CHECK(try_key(&key, &made) == LV_UNSUITABLE);
    key = sound, key.dp = sound.p;
    CHECK(try_key(&key, &made) == LV_UNSUITABLE);
    key = sound, key.dq = sound.q;
    CHECK(try_key(&key, &made) == LV_UNSUITABLE);
    key = sound, key.qinv = sound.p;
    CHECK(try_key(&key, &made) == LV_UNSUITABLE);
    CHECK(made == NULL);
}

static void keys_of_a_call_have_one_size_and_are_whole(void)
{
    static uint8_t n[LONGEST];
    lv_rsa *public_half = NULL;
    from_hex(n, keys[0].n);
    CHECK(lv_rsa_new(256, n, keys[0].e, NULL, NULL, NULL, NULL, NULL, &public_half) == LV_OK);
    begin(256);
    add(case_of(256, 16));
    add(case_of(256, 17));
    call.keys[1] = public_half;
    CHECK(lv_rsa_private(call.keys, call.in, call.out, call.good, 2) == LV_UNSUITABLE);
    CHECK(lv_rsa_public(call.keys, call.expected, call.out, call.good, 2) == LV_OK);
    CHECK(memcmp(call.out, call.in, 512) == 0);
    call.keys[1] = handle(KEYS - 1);
    CHECK(lv_rsa_public(call.keys, call.in, call.out, call.good, 2) == LV_UNSUITABLE);
    lv_rsa_free(public_half);
}

static void a_child_cannot_use_the_keys_of_its_parent(void)
{
    int status = 0;
    begin(256);
    add(case_of(256, 16));
    run_private();
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(lv_rsa_private(call.keys, call.in, call.out, call.good, 1) == LV_FORKED);
        handles[cases[0].key] = NULL;
        begin(256);
        add(case_of(256, 16));
        run_private();
        expect_all_good();
        /* A key and a workspace of its own, none of its parent's. */
        struct lv_mem_report sums;
        lv_mem_report(&sums);
        CHECK(sums.handles == 2);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void nothing_stays_in_a_workspace_or_handle(void)
{
    struct lv_mem_report before, after;
    lv_mem_report(&before);
    lv_rsa *made = NULL;
    CHECK(try_key(&keys[0], &made) == LV_OK);
    lv_rsa_free(made);
    lv_rsa_free(NULL);
    lv_mem_report(&after);
    CHECK(before.handles == after.handles);
}

#if defined(LV_TEST_SCALAR)

/* A wrong product anywhere in an operation, in all lanes: the right result is released, or none. */
static void a_fault_releases_nothing_wrong(void)
{
    size_t withheld = 0;
    begin(256);
    for (size_t i = 0; i < 8; i++) {
        add(case_of(256, 16 + 18 * i));
    }
    run_private();
    const uint64_t before = lv_test_products;
    run_private();
    const uint64_t whole = lv_test_products - before;
    for (uint64_t i = 0; i < 60; i += every) {
        const uint64_t from = lv_test_products + whole * i / 60 + 97 * i;
        lv_test_fault_from = from, lv_test_fault_to = from + 1;
        run_private();
        lv_test_fault_to = 0;
        for (size_t item = 0; item < 8; item++) {
            withheld += call.good[item] == 0;
            CHECK(call.good[item] ? memcmp(call.out + item * 256, call.expected + item * 256, 256) == 0 : is_zero(item));
        }
    }
    CHECK(withheld > 300 / every);
    run_private();
    expect_all_good();
}

/* A level that errs in its self-test is not used at all. */
static void a_level_that_errs_is_never_used(void)
{
    lv_test_fault_from = lv_test_products + 10000, lv_test_fault_to = UINT64_MAX;
    CHECK(lv_rsa_status(256) == LV_WRONG);
    lv_test_fault_to = 0;
    CHECK(lv_rsa_status(256) == LV_WRONG);
    begin(256);
    add(case_of(256, 16));
    CHECK(lv_rsa_private(call.keys, call.in, call.out, call.good, 1) == LV_WRONG);
    CHECK(lv_rsa_public(call.keys, call.in, call.out, call.good, 1) == LV_WRONG);
    CHECK(call.out[0] == 0xa5);
}

#endif

struct test {
    const char *name;
    void (*run)(void);
};

#define TEST(name) {#name, name}

static const struct test tests[] = {
    TEST(every_size_passes_its_self_test),
    TEST(known_answers_of_2048_bits),
    TEST(known_answers_of_3072_bits),
    TEST(known_answers_of_4096_bits),
    TEST(every_count_of_operations),
    TEST(output_may_take_the_place_of_input),
    TEST(blinding_is_renewed_in_time),
    TEST(numbers_from_the_modulus_on_are_refused_alone),
    TEST(nothing_of_a_damaged_key_is_released),
    TEST(keys_of_another_shape_are_refused),
    TEST(keys_of_a_call_have_one_size_and_are_whole),
    TEST(a_child_cannot_use_the_keys_of_its_parent),
    TEST(nothing_stays_in_a_workspace_or_handle),
#if defined(LV_TEST_SCALAR)
    TEST(a_fault_releases_nothing_wrong),
    TEST(a_level_that_errs_is_never_used),
#endif
};

int main(int argc, char **argv)
{
    size_t ran = 0;
    every = argc > 2 ? (size_t)atoi(argv[2]) : 1;
    CHECK(lv_init() == LV_OK && every > 0);
    const char *chosen = argc > 1 ? argv[1] : "all";
    const int status = strstr(chosen, "errs") != NULL ? LV_OK : lv_rsa_status(256);
    if (status == LV_NO_LEVEL) {
        (void)puts("this processor has no AVX512-IFMA");
        return NOT_HERE;
    }
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        /* What errs once is out of use for the rest of the process. */
        const int in_all = strcmp(chosen, "all") == 0 && strstr(tests[i].name, "errs") == NULL;
        const int wanted = in_all || strcmp(chosen, tests[i].name) == 0;
        if (wanted) {
            tests[i].run();
            (void)printf("ok %s\n", tests[i].name);
            (void)fflush(stdout);
            ran++;
        }
    }
    for (size_t i = 0; i < KEYS; i++) {
        lv_rsa_free(handles[i]);
    }
    return ran > 0 ? 0 : 1;
}

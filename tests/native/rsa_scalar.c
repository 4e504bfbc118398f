/* Bulk RSA in plain C, in place of rsa_ifma.c: the same kernels and the same flow over a vector that is eight numbers, so
 * that both are tested, also under sanitizers, on processors without AVX512-IFMA. And what no processor does on purpose:
 * one bit of one multiplication, chosen by the test, comes out wrong. */
#include "lv_core.h"
#include "rsa/rsa_impl.h"

extern uint64_t lv_test_products;   /* how many vectors of products were made */
extern uint64_t lv_test_fault_from; /* the first of them that is wrong */
extern uint64_t lv_test_fault_to;   /* the first that is right again */

uint64_t lv_test_products, lv_test_fault_from, lv_test_fault_to;

typedef lv_rsa_limb vec;

__extension__ typedef unsigned __int128 wide;

#define EACH(expression)                                                                                               \
    do {                                                                                                               \
        for (size_t i = 0; i < LV_RSA_LANES; i++) {                                                                    \
            s.lane[i] = (expression);                                                                                  \
        }                                                                                                              \
        return s;                                                                                                      \
    } while (0)

static uint64_t fault(void)
{
    const uint64_t now = lv_test_products++;
    return now >= lv_test_fault_from && now < lv_test_fault_to ? UINT64_C(1) << now % 50 : 0;
}

static wide full(uint64_t a, uint64_t b)
{
    return (wide)(a & LV_RSA_LIMB_MASK) * (b & LV_RSA_LIMB_MASK);
}

static vec v_lo(vec s, vec a, vec b)
{
    const uint64_t wrong = fault();
    EACH(s.lane[i] + (((uint64_t)full(a.lane[i], b.lane[i]) & LV_RSA_LIMB_MASK) ^ wrong));
}

static vec v_hi(vec s, vec a, vec b)
{
    EACH(s.lane[i] + (uint64_t)(full(a.lane[i], b.lane[i]) >> LV_RSA_LIMB_BITS));
}

static vec v_add(vec s, vec a)
{
    EACH(s.lane[i] + a.lane[i]);
}

static vec v_sub(vec s, vec a)
{
    EACH(s.lane[i] - a.lane[i]);
}

static vec v_and(vec s, vec a)
{
    EACH(s.lane[i] & a.lane[i]);
}

static vec v_or(vec s, vec a)
{
    EACH(s.lane[i] | a.lane[i]);
}

static vec v_xor(vec s, vec a)
{
    EACH(s.lane[i] ^ a.lane[i]);
}

static vec v_shr(vec s)
{
    EACH(s.lane[i] >> LV_RSA_LIMB_BITS);
}

static vec v_sar(vec s)
{
    EACH(s.lane[i] >> LV_RSA_LIMB_BITS | (0 - (s.lane[i] >> 63)) << (64 - LV_RSA_LIMB_BITS));
}

static vec v_set(uint64_t value)
{
    vec s;
    EACH(value);
}

static uint16_t v_eq(vec a, vec b)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < LV_RSA_LANES; i++) {
        set |= (uint32_t)(a.lane[i] == b.lane[i]) << i;
    }
    return (uint16_t)set;
}

static vec v_pick(vec s, uint16_t set, vec a)
{
    EACH(set >> i & 1 ? a.lane[i] : s.lane[i]);
}

#define V_LO(s, a, b) v_lo(s, a, b)
#define V_HI(s, a, b) v_hi(s, a, b)
#define V_ADD(a, b) v_add(a, b)
#define V_SUB(a, b) v_sub(a, b)
#define V_AND(a, b) v_and(a, b)
#define V_OR(a, b) v_or(a, b)
#define V_XOR(a, b) v_xor(a, b)
#define V_SHR(a) v_shr(a)
#define V_SAR(a) v_sar(a)
#define V_ZERO v_set(0)
#define V_SET(u) v_set(u)
#define V_EQ(a, b) v_eq(a, b)
#define V_PICK(s, set, a) v_pick(s, set, a)

#include "rsa/rsa_kernel.h"

#include "rsa/rsa_body.h"

static const struct lv_rsa_impl scalar = {"scalar", 0, raise, apply};
const struct lv_rsa_impl *const lv_rsa_ifma = &scalar;

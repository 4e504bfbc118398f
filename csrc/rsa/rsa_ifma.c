/* RSA by AVX512-IFMA: a vector holds the same limb of eight numbers. */
#if defined(__x86_64__)

#include "core/cpu.h"
#include "lv_core.h"
#include "rsa/rsa_impl.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512ifma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512ifma")
#endif

#include <immintrin.h>

typedef __m512i vec;

#define V_LO(s, a, b) _mm512_madd52lo_epu64(s, a, b)
#define V_HI(s, a, b) _mm512_madd52hi_epu64(s, a, b)
#define V_ADD(a, b) _mm512_add_epi64(a, b)
#define V_SUB(a, b) _mm512_sub_epi64(a, b)
#define V_AND(a, b) _mm512_and_si512(a, b)
#define V_OR(a, b) _mm512_or_si512(a, b)
#define V_XOR(a, b) _mm512_xor_si512(a, b)
#define V_SHR(a) _mm512_srli_epi64(a, LV_RSA_LIMB_BITS)
#define V_SAR(a) _mm512_srai_epi64(a, LV_RSA_LIMB_BITS)
#define V_ZERO _mm512_setzero_si512()
#define V_SET(u) _mm512_set1_epi64((long long)(u))
#define V_EQ(a, b) _mm512_cmpeq_epi64_mask(a, b)
#define V_PICK(s, set, a) _mm512_mask_mov_epi64(s, (__mmask8)(set), a)

#include "rsa/rsa_kernel.h"

#include "rsa/rsa_body.h"

static const struct lv_rsa_impl ifma = {"avx512ifma", LV_CPU_AVX512F | LV_CPU_AVX512IFMA, raise, apply};
const struct lv_rsa_impl *const lv_rsa_ifma = &ifma;

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else

#include "rsa/rsa_impl.h"

const struct lv_rsa_impl *const lv_rsa_ifma = NULL;

#endif

/* A level whose vectors are single blocks. */
typedef blk vec;

INLINE vec v_load(const void *bytes) { return b_load(bytes); }
INLINE void v_store(void *bytes, vec a) { b_store(bytes, a); }
INLINE vec v_zero(void) { return b_zero(); }
INLINE vec v_xor(vec a, vec b) { return b_xor(a, b); }
INLINE vec v_swap(vec a) { return b_swap(a); }
INLINE vec v_reverse(vec a) { return b_reverse(a); }
INLINE vec v_clmul_low(vec a, vec b) { return b_clmul_low(a, b); }
INLINE vec v_clmul_high(vec a, vec b) { return b_clmul_high(a, b); }
INLINE vec v_same(blk a) { return a; }
INLINE vec v_first(blk a) { return a; }
INLINE blk v_fold(vec a) { return a; }
INLINE vec v_begin(vec a, vec key) { return b_begin(a, key); }
INLINE vec v_round(vec a, vec before, vec now) { return b_round(a, before, now); }
INLINE vec v_end(vec a, vec before, vec now) { return b_end(a, before, now); }

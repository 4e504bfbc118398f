/* A look at a row of offsets: contract in lv_core.h. Offsets are no secret. */
#include "lv_core.h"

int64_t lv_offsets_stride(const int64_t *offsets, size_t count)
{
    const uint64_t first = (uint64_t)offsets[1] - (uint64_t)offsets[0];
    uint64_t differ = 0;
    int back = 0;
    /* Without a branch in it, so that compilers turn it into vectors. */
    for (size_t i = 0; i < count; i++) {
        differ |= ((uint64_t)offsets[i + 1] - (uint64_t)offsets[i]) ^ first;
        back |= offsets[i + 1] < offsets[i];
    }
    if (back) {
        return LV_BACK;
    }
    return differ == 0 ? (int64_t)first : LV_MIXED;
}

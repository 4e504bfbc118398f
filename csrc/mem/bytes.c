/* Wiping and constant-time comparison. */
#include "lv_core.h"

#include <string.h>

void lv_wipe(void *bytes, size_t length)
{
    if (length == 0) {
        return;
    }
    (void)memset(bytes, 0, length);
    /* The compiler must assume that this reads the bytes, so the memset above is not dead and stays. */
    __asm__ __volatile__("" : : "r"(bytes) : "memory");
}

int lv_equal(const void *a, const void *b, size_t length)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    uint32_t difference = 0;
    for (size_t i = 0; i < length; i++) {
        difference |= (uint32_t)(x[i] ^ y[i]);
    }
    /* Hides the value from the optimiser, which could otherwise leave the loop at the first difference. */
    __asm__ __volatile__("" : "+r"(difference));
    /* 0 becomes 1 and 1..255 become 0 without a branch. */
    return (int)((difference - 1u) >> 31);
}

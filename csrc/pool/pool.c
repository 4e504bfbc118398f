#include "pool/pool.h"
void lv_pool_run(void (*task)(void *context, size_t index), void *context, size_t tasks)
{
    for (size_t i = 0; i < tasks; i++) {
        task(context, i);
    }
}

#ifndef LV_POOL_H
#define LV_POOL_H
#include <stddef.h>
void lv_pool_run(void (*task)(void *context, size_t index), void *context, size_t tasks);
#endif

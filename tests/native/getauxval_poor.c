/* A 64-bit ARM processor without some of its extensions: linked with --wrap=getauxval, hides those HWCAP bits that LACKS
 * names from what the system says. The Raspberry Pi 4 is one that lacks all of AES, PMULL and SHA. */
#include <sys/auxv.h>

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);

unsigned long __wrap_getauxval(unsigned long type)
{
    const unsigned long value = __real_getauxval(type);
    return type == AT_HWCAP ? value & ~(unsigned long)(LACKS) : value;
}

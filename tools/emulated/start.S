# The first instructions of the emulated processor, in place of a BIOS: protected mode, then the kernel.
#
# Two callers meet here. Bochs starts a processor at 0xfffffff0 in real mode and has put the memory image of image.py at
# HANDOVER. The kernel's PVH entry wants 32-bit flat protected mode without paging and the address of its start info in
# %ebx (Linux, Documentation/x86/boot.rst and include/xen/interface/hvm/start_info.h). HANDOVER, MEMORY and END_MARK come
# from image.py.

        .set    HEAD, HANDOVER          # the mark; the kernel's entry; the address of the end mark; then the start info
        .set    SHUTDOWN, 0x8900        # Bochs ends when it reads the word "Shutdown" here

        .text
        .code16
        .globl  _start
_start: cli
        lgdtl   %cs:table - _start
        movl    $1, %eax
        movl    %eax, %cr0
        ljmpl   $8, $flat

        .code32
flat:   movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss

# Bochs backs the emulated memory with blocks in the order of their first use, but it loads an image as one run of bytes
# from the first block on. Touching all pages in order gives every block the bytes that were meant for it.
        movl    $HANDOVER, %esi
touch:  movl    (%esi), %eax
        addl    $4096, %esi
        cmpl    $MEMORY, %esi
        jb      touch

# Should another Bochs do otherwise, the mark at the end is not where it was put: end instead of running anything.
        movl    HEAD + 8, %esi
        cmpl    $END_MARK, (%esi)
        jne     broken
        movl    $HEAD + 16, %ebx
        jmp     *HEAD + 4

broken: movw    $SHUTDOWN, %dx
        movl    $word, %esi
        movl    $8, %ecx
        rep outsb
        hlt

word:   .ascii  "Shutdown"
        .balign 8
segments:
        .quad   0
        .quad   0x00cf9a000000ffff      # 8: code, 0 to 4 GiB
        .quad   0x00cf92000000ffff      # 16: data, 0 to 4 GiB
table:  .word   table - segments - 1
        .long   segments

        .org    0xfff0
        .code16
        jmp     _start
        .org    0x10000

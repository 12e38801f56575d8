/* What a plugin's file says about itself: the function that an address belongs to, and the build id
 * of its linker. Read from the file with bounds, for the file is somebody else's; nothing of it is
 * mapped, so that one that is cut meanwhile costs an answer and not the process. */
#ifndef JOBHOST_SUPERVISOR_ELF_H
#define JOBHOST_SUPERVISOR_ELF_H

#include <stddef.h>
#include <stdint.h>

enum {
    ELF_SECTIONS_MAX = 4096,
    ELF_SYMBOLS_MAX = 1 << 19, /* looked at in one table: 12 MiB of it */
    ELF_NAME_MAX = 127,        /* bytes of a name that are told        */
    ELF_BUILD_ID_MAX = 32,     /* bytes; 20 are usual                  */
};

/* The function at `address` (a virtual address of the file, so the distance from where it was
 * loaded) as "name+0x1c". 0; -ENOENT: none (it is stripped, or the address lies elsewhere); -ENOEXEC:
 * not a file of this machine's word size; or what reading it failed with. */
int elf_symbol(int fd, uint64_t address, char *out, size_t cap);

/* The GNU build id in hex. Results as above; -ENOENT: it has none. */
int elf_build_id(int fd, char out[2 * ELF_BUILD_ID_MAX + 1]);

#endif

// A plugin's file as the supervisor reads it after a crash: the function of an address, the build id.
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "supervisor/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    char symbol[ELF_NAME_MAX + 32] = "", id[2 * ELF_BUILD_ID_MAX + 1] = "";
    uint64_t address;
    fd = fd == -1 ? memfd_create("elf", MFD_CLOEXEC) : fd;
    if (size < sizeof address || fd == -1) {
        return 0;
    }
    memcpy(&address, data, sizeof address);
    data += sizeof address;
    size -= sizeof address;
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
        return 0;
    }
    if (elf_symbol(fd, address, symbol, sizeof symbol) == 0) {
        FUZZ_CHECK(strstr(symbol, "+0x") != NULL && strpbrk(symbol, " \n\t\x7f") == NULL);
    }
    if (elf_build_id(fd, id) == 0) {
        FUZZ_CHECK(strlen(id) > 0 && strlen(id) % 2 == 0 &&
                   strspn(id, "0123456789abcdef") == strlen(id));
    }
    return 0;
}

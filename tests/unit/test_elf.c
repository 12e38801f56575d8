// Names and the build id out of a file that a linker made (this program's own), and out of files
// that nobody made.
#define _GNU_SOURCE // dl_iterate_phdr
#include "supervisor/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"

static int own_file(void) {
    return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
}

// Where this program lies: the distance of any of its functions is its address in the file.
static int note_base(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size;
    *(uint64_t *)arg = info->dlpi_addr;
    return 1; // the program itself is the first
}

static uint64_t address_of(const void *code) {
    uint64_t base = 0;
    (void)dl_iterate_phdr(note_base, &base);
    return (uint64_t)(uintptr_t)code - base;
}

__attribute__((noinline)) static int a_function_of_its_own(int n) {
    volatile int sum = n;
    for (int i = 0; i < n; i++) {
        sum += i * n;
    }
    return sum;
}

static void test_names(void) {
    char name[200] = "";
    int (*function)(int) = a_function_of_its_own;
    uint64_t at = address_of(*(void **)&function);
    int fd = own_file();
    EXPECT_EQ_INT(15, function(3) + 3);
    EXPECT_EQ_INT(0, elf_symbol(fd, at, name, sizeof name));
    EXPECT_EQ_STR("a_function_of_its_own+0x0", name);
    EXPECT_EQ_INT(0, elf_symbol(fd, at + 5, name, sizeof name));
    EXPECT_EQ_STR("a_function_of_its_own+0x5", name);
    EXPECT_EQ_INT(-ENOENT, elf_symbol(fd, 1, name, sizeof name)); // the header of the file
    EXPECT_EQ_INT(-ENOENT, elf_symbol(fd, UINT64_MAX, name, sizeof name));
    (void)close(fd);
}

static void test_build_id(void) {
    char id[2 * ELF_BUILD_ID_MAX + 1] = "";
    int fd = own_file();
    int r = elf_build_id(fd, id);
    EXPECT_TRUE(r == 0 || r == -ENOENT); // a linker may be told to make none
    if (r == 0) {
        EXPECT_TRUE(strlen(id) >= 16);
        EXPECT_EQ_UINT(strlen(id), strspn(id, "0123456789abcdef"));
    }
    (void)close(fd);
}

static int file_of(const void *data, size_t len) {
    char path[] = "/tmp/jobhost-elf.XXXXXX";
    int fd = mkstemp(path);
    (void)unlink(path);
    EXPECT_EQ_INT((int)len, (int)write(fd, data, len));
    return fd;
}

static void expect_no_answer(const void *data, size_t len, uint64_t at) {
    char text[200];
    int fd = file_of(data, len);
    EXPECT_TRUE(elf_symbol(fd, at, text, sizeof text) < 0);
    EXPECT_TRUE(elf_build_id(fd, text) < 0);
    (void)close(fd);
}

static void test_no_such_file(void) {
    char text[200];
    ElfW(Ehdr) h = {.e_shentsize = sizeof(ElfW(Shdr)), .e_shnum = 3, .e_shoff = UINT32_MAX};
    EXPECT_EQ_INT(-EBADF, elf_symbol(-1, 1, text, sizeof text));
    expect_no_answer("", 0, 0);
    expect_no_answer("not a plugin, only text", 23, 0);
    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    expect_no_answer(&h, sizeof h, 0); // its sections lie beyond its end
    h.e_shoff = (ElfW(Off)) - 1;
    expect_no_answer(&h, sizeof h, 0);
    h.e_shoff = sizeof h;
    h.e_shnum = ELF_SECTIONS_MAX + 1;
    expect_no_answer(&h, sizeof h, 0);
    h.e_ident[EI_CLASS] = ELFCLASSNONE;
    expect_no_answer(&h, sizeof h, 0);
}

// One table of symbols whose every number is hostile in turn.
struct image {
    ElfW(Ehdr) h;
    ElfW(Shdr) sections[3];
    ElfW(Sym) symbols[2];
    char names[16];
};

static struct image sound_image(void) {
    struct image m = {.h = {.e_shentsize = sizeof(ElfW(Shdr)),
                            .e_shnum = 3,
                            .e_shoff = offsetof(struct image, sections)}};
    memcpy(m.h.e_ident, ELFMAG, SELFMAG);
    m.h.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    m.sections[1] = (ElfW(Shdr)){.sh_type = SHT_SYMTAB,
                                 .sh_offset = offsetof(struct image, symbols),
                                 .sh_size = sizeof m.symbols,
                                 .sh_entsize = sizeof m.symbols[0],
                                 .sh_link = 2};
    m.sections[2] = (ElfW(Shdr)){.sh_type = SHT_STRTAB,
                                 .sh_offset = offsetof(struct image, names),
                                 .sh_size = sizeof m.names};
    m.symbols[1] = (ElfW(Sym)){
        .st_name = 1, .st_info = STT_FUNC, .st_shndx = 2, .st_value = 100, .st_size = 10};
    memcpy(m.names, "\0parse\0\x1b[0mx", 12);
    return m;
}

static int symbol_of(const struct image *m, uint64_t at, char *out, size_t cap) {
    int fd = file_of(m, sizeof *m);
    int r = elf_symbol(fd, at, out, cap);
    (void)close(fd);
    return r;
}

static void test_bounds(void) {
    char text[200];
    struct image m = sound_image();
    EXPECT_EQ_INT(0, symbol_of(&m, 109, text, sizeof text));
    EXPECT_EQ_STR("parse+0x9", text);
    EXPECT_EQ_INT(-ENOENT, symbol_of(&m, 110, text, sizeof text));
    EXPECT_EQ_INT(-ENOENT, symbol_of(&m, 99, text, sizeof text));
    m.symbols[1].st_name = 7; // nothing for a terminal
    EXPECT_EQ_INT(0, symbol_of(&m, 100, text, sizeof text));
    EXPECT_EQ_STR("?[0mx+0x0", text);
    m.symbols[1].st_name = sizeof m.names; // beyond the names
    EXPECT_EQ_INT(-ENOENT, symbol_of(&m, 100, text, sizeof text));
    m = sound_image();
    m.sections[1].sh_link = 3;
    EXPECT_EQ_INT(-ENOENT, symbol_of(&m, 100, text, sizeof text));
    m = sound_image();
    m.sections[1].sh_entsize = 0;
    EXPECT_EQ_INT(-ENOENT, symbol_of(&m, 100, text, sizeof text));
    m = sound_image();
    m.sections[1].sh_size = (ElfW(Xword)) - 1;
    EXPECT_EQ_INT(-ENOENT, symbol_of(&m, 100, text, sizeof text));
    m = sound_image();
    m.sections[2].sh_offset = (ElfW(Off)) - 4;
    EXPECT_EQ_INT(-ENOENT, symbol_of(&m, 100, text, sizeof text));
}

static const struct expect_test tests[] = {
    {"an address has the name of its function", test_names},
    {"the linker's build id", test_build_id},
    {"what is no such file has no answer", test_no_such_file},
    {"no number in the file is believed", test_bounds},
};
SUITE_MAIN("elf", tests)

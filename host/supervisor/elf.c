#include "supervisor/elf.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// linkers write one table of each kind
enum { ELF_BLOCK_SYMBOLS = 1024, ELF_NOTES_MAX = 4096, ELF_TABLES_MAX = 2 };

#define ELF_CLASS_HERE     (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define ELF_SYM_TYPE(info) ((info)&0xf) /* the same for both word sizes */

struct elf_sections {
    ElfW(Shdr) * rows;
    size_t count;
};

/* The whole piece, or -ENOEXEC where the file is shorter than it says. */
static int elf_read(int fd, void *out, size_t len, uint64_t at) {
    size_t done = 0;
    while (done < len) {
        ssize_t n = at + done > INT64_MAX
                        ? 0
                        : pread(fd, (char *)out + done, len - done, (off_t)(at + done));
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? -ENOEXEC : -errno;
        }
        done += (size_t)n;
    }
    return 0;
}

static int elf_open(int fd, struct elf_sections *ret) {
    ElfW(Ehdr) h;
    int r = elf_read(fd, &h, sizeof h, 0);
    if (r != 0) {
        return r;
    }
    if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELF_CLASS_HERE ||
        h.e_shentsize != sizeof(ElfW(Shdr)) || h.e_shnum > ELF_SECTIONS_MAX) {
        return -ENOEXEC;
    }
    ret->count = h.e_shnum;
    ret->rows = calloc(ret->count + 1, sizeof *ret->rows);
    r = ret->rows == NULL ? -ENOMEM
                          : elf_read(fd, ret->rows, ret->count * sizeof *ret->rows, h.e_shoff);
    if (r != 0) {
        free(ret->rows);
    }
    return r;
}

/* ------------------------------------------------------------------ symbols */

/* Code written in assembler may not say how long it is: to the end of its section. */
static bool elf_covers(const struct elf_sections *all, const ElfW(Sym) * s, uint64_t address) {
    unsigned type = ELF_SYM_TYPE(s->st_info);
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || s->st_shndx == SHN_UNDEF ||
        s->st_shndx >= all->count || s->st_value > address) {
        return false;
    }
    const ElfW(Shdr) *in = &all->rows[s->st_shndx];
    return s->st_size != 0 ? address - s->st_value < s->st_size
                           : address >= in->sh_addr && address - in->sh_addr < in->sh_size;
}

/* The one that begins last of those that have the address in them. */
static int elf_search(int fd, const struct elf_sections *all, const ElfW(Shdr) * table,
                      uint64_t address, ElfW(Sym) * ret) {
    ElfW(Sym) block[ELF_BLOCK_SYMBOLS];
    size_t count = table->sh_entsize == sizeof *ret ? table->sh_size / sizeof *ret : 0;
    bool found = false;
    count = count > ELF_SYMBOLS_MAX ? ELF_SYMBOLS_MAX : count;
    for (size_t first = 0; first < count; first += ELF_BLOCK_SYMBOLS) {
        size_t n = count - first < ELF_BLOCK_SYMBOLS ? count - first : ELF_BLOCK_SYMBOLS;
        int r = elf_read(fd, block, n * sizeof *block, table->sh_offset + first * sizeof *block);
        if (r != 0) {
            return r;
        }
        for (size_t i = 0; i < n; i++) {
            if (elf_covers(all, &block[i], address) &&
                (!found || block[i].st_value > ret->st_value)) {
                *ret = block[i];
                found = true;
            }
        }
    }
    return found ? 0 : -ENOENT;
}

/* Into logs and JSON: printable, whatever the file holds. */
static int elf_name(int fd, const ElfW(Shdr) * strings, uint64_t at, char out[ELF_NAME_MAX + 1]) {
    if (at >= strings->sh_size) {
        return -ENOEXEC;
    }
    uint64_t len = strings->sh_size - at;
    len = len > ELF_NAME_MAX ? ELF_NAME_MAX : len;
    int r = elf_read(fd, out, (size_t)len, strings->sh_offset + at);
    out[r == 0 ? len : 0] = '\0';
    for (char *p = out; *p != '\0'; p++) {
        *p = *p > ' ' && *p < 0x7f ? *p : '?';
    }
    return r != 0 ? r : out[0] == '\0' ? -ENOENT : 0;
}

static int elf_symbol_of(int fd, const struct elf_sections *s, uint32_t kind, uint64_t address,
                         char *out, size_t cap) {
    unsigned tables = 0;
    for (size_t i = 0; i < s->count && tables < ELF_TABLES_MAX; i++) {
        ElfW(Sym) symbol;
        char name[ELF_NAME_MAX + 1];
        const ElfW(Shdr) *table = &s->rows[i];
        tables += table->sh_type == kind;
        if (table->sh_type != kind || table->sh_link >= s->count ||
            elf_search(fd, s, table, address, &symbol) != 0 ||
            elf_name(fd, &s->rows[table->sh_link], symbol.st_name, name) != 0) {
            continue;
        }
        (void)snprintf(out, cap, "%s+0x%llx", name,
                       (unsigned long long)(address - symbol.st_value));
        return 0;
    }
    return -ENOENT;
}

int elf_symbol(int fd, uint64_t address, char *out, size_t cap) {
    struct elf_sections s;
    int r = elf_open(fd, &s);
    if (r != 0) {
        return r;
    }
    // a file that is not stripped names its own functions; one that is, what it exports
    r = elf_symbol_of(fd, &s, SHT_SYMTAB, address, out, cap);
    r = r == 0 ? 0 : elf_symbol_of(fd, &s, SHT_DYNSYM, address, out, cap);
    free(s.rows);
    return r;
}

/* ------------------------------------------------------------------ the build id */

static size_t elf_padded(size_t n) {
    return (n + 3) & ~(size_t)3;
}

static void elf_hex(const uint8_t *bytes, size_t len, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static int elf_find_note(const uint8_t *notes, size_t len, char *out) {
    static const char owner[] = "GNU";
    ElfW(Nhdr) h;
    for (size_t at = 0; len - at >= sizeof h;) {
        memcpy(&h, notes + at, sizeof h);
        size_t name = at + sizeof h, desc = name + elf_padded(h.n_namesz);
        if (h.n_namesz > len || h.n_descsz > len || desc + h.n_descsz > len) {
            return -ENOEXEC;
        }
        if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == sizeof owner &&
            memcmp(notes + name, owner, sizeof owner) == 0 && h.n_descsz > 0 &&
            h.n_descsz <= ELF_BUILD_ID_MAX) {
            elf_hex(notes + desc, h.n_descsz, out);
            return 0;
        }
        at = desc + elf_padded(h.n_descsz);
        at = at > len ? len : at;
    }
    return -ENOENT;
}

int elf_build_id(int fd, char out[2 * ELF_BUILD_ID_MAX + 1]) {
    struct elf_sections s;
    uint8_t notes[ELF_NOTES_MAX];
    int r = elf_open(fd, &s);
    if (r != 0) {
        return r;
    }
    r = -ENOENT;
    for (size_t i = 0; i < s.count && r != 0; i++) {
        const ElfW(Shdr) *row = &s.rows[i];
        if (row->sh_type == SHT_NOTE && row->sh_size <= sizeof notes &&
            elf_read(fd, notes, row->sh_size, row->sh_offset) == 0) {
            r = elf_find_note(notes, row->sh_size, out);
        }
    }
    free(s.rows);
    return r;
}

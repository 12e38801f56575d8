/* Files, ports and signals, by Landlock: what no rule names is denied.
 *
 *     own data folder ........ everything but running programs
 *     plugin's snapshot ...... read
 *     libraries, resolver, certificates, time zones, what libraries ask of /proc and /sys: read
 *     sandbox.read, .write ... as they say;  exec: those programs, and the loader they begin with
 *
 * A rule holds for a file or folder as it is now, and for what comes into the folder later: a file
 * that is replaced by another of its name is denied. Descriptors that are open already, and those
 * that the supervisor sends, are not touched. The kernel's interface is used as it is, for the C
 * library has no words for it. */
#define _GNU_SOURCE // O_PATH, dl_iterate_phdr
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "worker/sandbox.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

// linux/landlock.h, of which the system's may be older than the kernel.
enum { LANDLOCK_VERSION = 1 };
enum { RULE_PATH = 1, RULE_PORT = 2 };
enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_MAKE_FIFO = 1 << 10,
    FS_MAKE_BLOCK = 1 << 11,
    FS_MAKE_SYM = 1 << 12,
    FS_REFER = 1 << 13,    // since version 2
    FS_TRUNCATE = 1 << 14, // since version 3
};
enum { NET_BIND = 1, NET_CONNECT = 2 }; // since version 4
enum { SCOPE_SIGNAL = 2 };              // since version 6

struct ruleset_attr {
    uint64_t fs, net, scope;
};
struct path_rule {
    uint64_t rights;
    int32_t folder;
} __attribute__((packed));
struct port_rule {
    uint64_t rights, port;
};

enum {
    RIGHTS_READ = FS_READ_FILE | FS_READ_DIR,
    RIGHTS_WRITE = RIGHTS_READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
                   FS_MAKE_REG | FS_MAKE_SOCK | FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE,
    RIGHTS_EXEC = FS_EXECUTE | FS_READ_FILE,
    RIGHTS_OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE,
    RIGHTS_ALL = RIGHTS_WRITE | FS_EXECUTE | FS_MAKE_CHAR | FS_MAKE_BLOCK,
};

struct landlock {
    int fd; // of the ruleset
    int version;
    uint64_t fs;      // what it decides about
    struct buf words; // what could not be done
};

static int landlock_version(void) {
    long v = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
    return v == -1 ? -errno : (int)v;
}

static int landlock_create(struct landlock *l, bool ports) {
    struct ruleset_attr attr = {.fs = RIGHTS_ALL};
    size_t size = sizeof attr.fs;
    if (l->version < 3) {
        attr.fs &= ~(uint64_t)FS_TRUNCATE;
    }
    if (l->version < 2) {
        attr.fs &= ~(uint64_t)FS_REFER;
    }
    if (l->version >= 4) {
        attr.net = ports ? NET_BIND | NET_CONNECT : 0;
        size = offsetof(struct ruleset_attr, scope);
    }
    if (l->version >= 6) {
        attr.scope = SCOPE_SIGNAL;
        size = sizeof attr;
    }
    l->fs = attr.fs;
    l->fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    return l->fd == -1 ? -errno : 0;
}

// ---- files

static int allow_path(struct landlock *l, const char *path, uint64_t rights) {
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd == -1) {
        return -errno;
    }
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode)) {
        rights &= RIGHTS_OF_FILES;
    }
    const struct path_rule rule = {.rights = rights & l->fs, .folder = fd};
    int r = syscall(SYS_landlock_add_rule, l->fd, RULE_PATH, &rule, 0) == -1 ? -errno : 0;
    (void)close(fd);
    return r;
}

// What is not there needs no rule.
static void allow_usual(struct landlock *l) {
    static const char *const readable[] = {
        // libraries, and what they read
        "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib",
        "/usr/share", "/usr/local/share", "/etc/ld.so.cache", "/etc/ld.so.preload",
        "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/timezone",
        "/etc/mime.types",
        // names of hosts and services
        "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/gai.conf",
        "/etc/services", "/etc/protocols", "/etc/networks", "/run/systemd/resolve",
        "/run/resolvconf", "/run/NetworkManager/resolv.conf",
        // certificates
        "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs",
        "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust/extracted",
        "/etc/ca-certificates", "/etc/crypto-policies",
        // the process itself, and the machine as the C library asks for it
        "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg",
        "/proc/uptime", "/proc/version", "/proc/filesystems", "/proc/sys/vm/overcommit_memory",
        "/proc/sys/kernel/random", "/proc/sys/kernel/ngroups_max", "/proc/sys/kernel/osrelease",
        "/sys/devices/system/cpu", "/sys/devices/system/node",
        "/sys/kernel/mm/transparent_hugepage", "/dev/random", "/dev/urandom"};
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full"};
    const char *const certificates[] = {getenv("SSL_CERT_FILE"), getenv("SSL_CERT_DIR")};
    for (size_t i = 0; i < ARRAY_LEN(readable); i++) {
        (void)allow_path(l, readable[i], RIGHTS_READ);
    }
    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        (void)allow_path(l, devices[i], FS_READ_FILE | FS_WRITE_FILE);
    }
    for (size_t i = 0; i < ARRAY_LEN(certificates); i++) {
        if (certificates[i] != NULL) {
            (void)allow_path(l, certificates[i], RIGHTS_READ);
        }
    }
}

// ---- programs

static bool find_program(const char *name, char out[PATH_MAX]) {
    const char *at = getenv("PATH");
    if (name[0] == '/') {
        (void)snprintf(out, PATH_MAX, "%s", name);
        return access(out, X_OK) == 0;
    }
    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ":");
        int n = snprintf(out, PATH_MAX, "%.*s/%s", (int)len, at, name);
        if (n > 0 && n < PATH_MAX && access(out, X_OK) == 0) {
            return true;
        }
        at += len + (at[len] == ':' ? 1 : 0);
    }
    return false;
}

// The first object is this program; its loader is the one that others of this machine begin with.
static int note_loader(struct dl_phdr_info *info, size_t size, void *arg) {
    const char **loader = arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_INTERP) {
            // the kernel has put it there
            uintptr_t at = (uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
            *loader = (const char *)at; // NOLINT(performance-no-int-to-ptr)
        }
    }
    return 1;
}

static int allow_program(struct landlock *l, const char *name) {
    const char *loader = NULL;
    char path[PATH_MAX];
    if (!find_program(name, path)) {
        return -ENOENT;
    }
    int r = allow_path(l, path, RIGHTS_EXEC);
    (void)dl_iterate_phdr(note_loader, &loader);
    if (r == 0 && loader != NULL) {
        r = allow_path(l, loader, RIGHTS_EXEC);
    }
    return r;
}

static void allow_wanted(struct landlock *l, const struct msg_sandbox *m) {
    for (uint32_t i = 0; i < m->path_count; i++) {
        const struct msg_path *p = &m->paths[i];
        int r = (p->rights & MSG_PATH_EXEC) != 0
                    ? allow_program(l, p->path)
                    : allow_path(l, p->path,
                                 (p->rights & MSG_PATH_WRITE) != 0 ? RIGHTS_WRITE : RIGHTS_READ);
        if (r < 0) {
            buf_printf(&l->words, "; %s: %s", p->path, strerror(-r));
        }
    }
    // temporary files have to lie somewhere
    if (m->data_dir != NULL && allow_path(l, m->data_dir, RIGHTS_WRITE) == 0) {
        (void)setenv("TMPDIR", m->data_dir, 1);
    }
}

// ---- ports

enum { PORT_DOMAIN = 53 }; // answers that are too long for UDP

static int allow_port(struct landlock *l, uint32_t port) {
    const struct port_rule rule = {.rights = NET_CONNECT, .port = port};
    return syscall(SYS_landlock_add_rule, l->fd, RULE_PORT, &rule, 0) == -1 ? -errno : 0;
}

static void allow_ports(struct landlock *l, const struct msg_sandbox *m) {
    if (m->port_count == 0) {
        return;
    }
    if (l->version < 4) {
        buf_str(&l->words, "; ports are not confined");
        return;
    }
    int r = allow_port(l, PORT_DOMAIN);
    for (uint32_t i = 0; i < m->port_count && r == 0; i++) {
        r = allow_port(l, m->ports[i].port);
    }
    if (r < 0) {
        buf_printf(&l->words, "; ports: %s", strerror(-r));
    }
}

static int landlock_enter(struct landlock *l, const struct msg_sandbox *m) {
    int r = landlock_create(l, m->port_count > 0);
    if (r < 0) {
        return r;
    }
    allow_usual(l);
    allow_wanted(l, m);
    allow_ports(l, m);
    r = syscall(SYS_landlock_restrict_self, l->fd, 0) == -1 ? -errno : 0;
    (void)close(l->fd);
    return r;
}

void sandbox_landlock(const struct msg_sandbox *m, struct sandbox_notes *notes) {
    struct landlock l = {.fd = -1, .version = landlock_version()};
    if ((m->flags & MSG_SANDBOX_LANDLOCK) == 0) {
        sandbox_note(notes, "landlock", MSG_NOTE_OFF, "switched off");
        return;
    }
    if (SANDBOX_SANITIZED || SANDBOX_COUNTED) { // which read and write files of their own
        sandbox_note(notes, "landlock", MSG_NOTE_OFF, "not in instrumented builds");
        return;
    }
    int r = l.version < 0 ? l.version : landlock_enter(&l, m);
    if (r < 0) {
        sandbox_note(notes, "landlock", MSG_NOTE_DEGRADED, "not available: %s", strerror(-r));
    } else {
        bool ports = l.version >= 4 && m->port_count > 0;
        sandbox_note(notes, "landlock", l.words.len > 0 ? MSG_NOTE_DEGRADED : MSG_NOTE_ON,
                     "version %d: files%s%s%s", l.version, ports ? ", ports" : "",
                     l.version >= 6 ? ", signals" : "", l.words.len > 0 ? l.words.data : "");
    }
    buf_free(&l.words);
}

// Runs a fuzz target over files, for builds without libFuzzer. Arguments: files and folders of them.
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

#define INPUT_MAX (1 << 20)

static int run_file(const char *path) {
    FILE *in = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX);
    if (in == NULL || data == NULL) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
    }
    size_t size = fread(data, 1, INPUT_MAX, in);
    (void)fclose(in);
    // in memory of exactly its size, so that a sanitizer sees a read beyond it
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    if (exact != NULL) {
        memcpy(exact, data, size);
        (void)LLVMFuzzerTestOneInput(exact, size);
    }
    free(exact);
    free(data);
    return 1;
}

static int run_folder(const char *path, DIR *dir) {
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char name[4096];
        if (entry->d_name[0] != '.') {
            (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            count += run_file(name);
        }
    }
    return count;
}

int main(int argc, char **argv) {
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            count += run_file(argv[i]);
        } else {
            count += run_folder(argv[i], dir);
            (void)closedir(dir);
        }
    }
    (void)printf("%d inputs\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

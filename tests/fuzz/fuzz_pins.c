// The file of pinned builds: what is read is printed and read again as the same.
#include <string.h>

#include "fuzz.h"
#include "supervisor/pin_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct pin pins[PINS_MAX], again[PINS_MAX];
    struct buf text = {.data = NULL};
    size_t count = pin_file_parse((struct bytes){(const char *)data, size}, pins);
    FUZZ_CHECK(count <= PINS_MAX);
    pin_file_print(pins, count, &text);
    FUZZ_CHECK(pin_file_parse((struct bytes){text.data, text.len}, again) == count);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(pins[i].type_count <= PIN_TYPES_MAX && strlen(pins[i].sha256) == 64);
        FUZZ_CHECK(strpbrk(pins[i].sha256, "/.") == NULL); // it becomes a path
        FUZZ_CHECK(strcmp(pins[i].plugin, again[i].plugin) == 0 &&
                   strcmp(pins[i].sha256, again[i].sha256) == 0);
        FUZZ_CHECK(pins[i].since_ms == again[i].since_ms &&
                   pins[i].type_count == again[i].type_count);
    }
    buf_free(&text);
    return 0;
}

// Prints tests/vectors/fence.txt: every neighbourhood of tokens and numbers, at both ends of their range.
#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "core/fence.h"

static const uint32_t tokens[] = {0, 1, 2, UINT32_MAX - 1, UINT32_MAX};
static const uint32_t numbers[] = {0, 1, 2, 3, 99, 100, 101, UINT32_MAX - 1, UINT32_MAX};

static void print(const struct fence_stored *stored, uint32_t token, uint32_t number) {
    for (int goes_on = 0; goes_on < 2; goes_on++) {
        (void)printf("%d %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %d  %d\n", stored->running,
                     stored->token, stored->number, token, number, goes_on,
                     (int)fence_commit(stored, token, number, goes_on != 0));
    }
}

static void print_all(const struct fence_stored *stored) {
    for (size_t t = 0; t < ARRAY_LEN(tokens); t++) {
        for (size_t n = 0; n < (tokens[t] == stored->token ? ARRAY_LEN(numbers) : 2); n++) {
            print(stored, tokens[t], numbers[n]);
        }
    }
}

int main(void) {
    (void)printf("# fence_commit() of host/core/fence.h, made by make_fence.c\n"
                 "# running stored_token stored_number token number goes_on  verdict\n");
    for (size_t i = 0; i < 2 * ARRAY_LEN(tokens) * ARRAY_LEN(numbers); i++) {
        print_all(&(struct fence_stored){.running = i % 2 != 0,
                                         .token = tokens[i / 2 % ARRAY_LEN(tokens)],
                                         .number = numbers[i / 2 / ARRAY_LEN(tokens)]});
    }
    return 0;
}

/* Characters: what is UTF-8, what must be read as Windows-1252, and the folded form in which column
 * headers are compared. Pure. */
#ifndef AMAZON_ENCODING_H
#define AMAZON_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

/* Well-formed by Unicode's table 3-7 (no overlong forms, no surrogates). */
bool encoding_is_utf8(const char *text, size_t len);

/* Length of the well-formed character at `text`, 0 = none. */
size_t encoding_char(const char *text, size_t len);

/* The character of `n` bytes at `text` is a control, or turns letters round (U+202A to U+202E,
 * U+2066, U+2067): not to be shown. FSI and PDI, which set text apart, may be. */
bool encoding_is_hidden(const char *text, size_t n);
/* It is a letter of a script from right to left. */
bool encoding_is_rtl(const char *text, size_t n);
#define ENCODING_FSI "\xE2\x81\xA8" /* what follows, up to PDI, has a direction of its own */
#define ENCODING_PDI "\xE2\x81\xA9"

/* Windows-1252 to UTF-8; `out` has room for 3 * len bytes. Bytes without a character become U+FFFD.
 * The length written. */
size_t encoding_from_cp1252(const char *text, size_t len, char *out);

/* Bytes as a message can show them: what is hidden and what is no UTF-8 become "?"; cut between
 * characters so that it fits `cap` with a NUL. */
void encoding_show(const char *text, size_t len, char *out, size_t cap);

/* Blanks of every sort at both ends taken off; `*text` and `*len` are moved. */
void encoding_trim(const char **text, size_t *len);

/* The form in which headers are compared: lower case, every dash "-", runs of blanks (also no-break
 * ones) one " ", nothing at the ends, no BOM. With a NUL; cut at `cap` - 1 bytes. */
void encoding_fold(const char *text, size_t len, char *out, size_t cap);

#endif

/* What is remembered about the files that came with a job: what each is, what was counted in it,
 * and a bounded list of the rows that could not be. */
#ifndef AMAZON_SOURCE_H
#define AMAZON_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "columns.h"
#include "period.h"

enum {
    SOURCES_MAX = 256,    /* files of a job           */
    SOURCE_NAME = 256,    /* bytes of a name, and NUL */
    SOURCE_LISTED = 1000, /* most bad rows ever listed */
    SOURCE_WORDS = 160,
};

/* Things worth telling about the rows. */
enum note {
    NOTE_BAD_ROW,         /* could not be read: not counted anywhere   */
    NOTE_TOTAL_ROW,       /* without ASIN: a total, left out           */
    NOTE_CP1252,          /* fields that were not UTF-8                */
    NOTE_REPEATED_HEADER, /* another export behind this one          */
    NOTE_OTHER_MARKET,    /* order lines of another marketplace        */
    NOTE_NOT_AMAZON,      /* order lines not sold on Amazon            */
    NOTE_GUESSED_SIGN,    /* "$" and the like                          */
    NOTE_BARE_PRICE,      /* order lines with a price, without currency */
    NOTE_BOX_FRACTION,    /* Buy Box cells like 0.97, without a sign   */
    NOTE_BOX_PERCENT,     /* other Buy Box cells over 0                */
    NOTE_NO_UPDATE,       /* order lines without last-updated-date     */
    NOTE_COUNT,
};

struct source {
    char file[SOURCE_NAME];
    char sha256[65];
    uint64_t bytes;
    enum report_kind kind;
    int period;    /* of a business report: index, -1 = none   */
    bool repeated; /* the same bytes came before: not read     */
    char delimiter;
    struct columns columns;
    uint64_t rows; /* below the header, bad ones included */
    uint64_t notes[NOTE_COUNT];
};

struct bad_row {
    size_t source;
    uint64_t line;
    char column[COLUMNS_NAME]; /* "" = the row as a whole */
    char words[SOURCE_WORDS];
};

struct bad_rows {
    size_t count, limit;  /* listed, and how many may be */
    struct bad_row *list; /* `limit` of them */
};

#endif

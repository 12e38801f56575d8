// A line of an All Orders report. Personal data is never looked at.
#include <string.h>

#include "civil.h"
#include "load.h"

// `text` begins with `word` (lower case), in any case.
static bool begins(struct delimited_field text, const char *word) {
    size_t len = strlen(word);
    if (text.len < len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = text.text[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        if (c != word[i]) {
            return false;
        }
    }
    return true;
}

// Not sold on Amazon, or on another marketplace than the one asked for. Counted.
static bool is_left_out(struct load_row *r) {
    struct delimited_field channel = load_cell(r, COLUMN_CHANNEL);
    const struct market *market = r->load->market;
    if (begins(channel, "non-amazon")) {
        r->source->notes[NOTE_NOT_AMAZON]++;
        return true;
    }
    if (market == NULL || channel.len == 0) {
        return false;
    }
    char name[32];
    size_t len = strlen(market->channel);
    for (size_t i = 0; i <= len; i++) {
        char c = market->channel[i];
        name[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    bool other = channel.len != len || !begins(channel, name);
    r->source->notes[NOTE_OTHER_MARKET] += other;
    return other;
}

static int take_times(struct load_row *r, struct facts_line *l) {
    static const char not_a_time[] = "is not a time like 2026-03-31T23:59:59+00:00";
    struct delimited_field cell = load_cell(r, COLUMN_PURCHASED);
    int64_t seconds;
    int32_t day;
    if (civil_parse_stamp(cell.text, cell.len, &l->day, &seconds) < 0) {
        return load_bad_cell(r, COLUMN_PURCHASED, not_a_time);
    }
    cell = load_cell(r, COLUMN_UPDATED);
    if (cell.len == 0) {
        r->source->notes[NOTE_NO_UPDATE]++;
        return 0;
    }
    return civil_parse_stamp(cell.text, cell.len, &day, &l->updated) < 0
               ? load_bad_cell(r, COLUMN_UPDATED, not_a_time)
               : 0;
}

static enum line_state state_of(struct load_row *r, bool priced) {
    struct delimited_field status = load_cell(r, COLUMN_STATUS);
    if (begins(status, "cancel") || begins(load_cell(r, COLUMN_ITEM_STATUS), "cancel")) {
        return LINE_CANCELLED;
    }
    if (priced) {
        return LINE_SOLD;
    }
    return begins(status, "pending") ? LINE_PENDING : LINE_UNPRICED;
}

// "Shipped - Returned to Seller", "Shipped - Rejected by Buyer" and the like.
static bool is_returned(struct load_row *r) {
    static const char *const states[] = {"shipped - return", "shipped - reject"};
    struct delimited_field status = load_cell(r, COLUMN_STATUS);
    return begins(status, states[0]) || begins(status, states[1]);
}

static bool has_amount(struct load_row *r, enum column field) {
    struct delimited_field cell = load_cell(r, field);
    return cell.len > 1 || (cell.len == 1 && cell.text[0] != '-');
}

// Price, quantity and discount. A line without a price is not one of price 0, and the currency of a
// line without amounts says nothing.
static int take_amounts(struct load_row *r, struct facts_line *l) {
    int64_t discount = NUMBER_NONE;
    int rc = 0;
    l->discount = NUMBER_NONE;
    if (has_amount(r, COLUMN_PRICE) || has_amount(r, COLUMN_DISCOUNT)) {
        rc = load_currency(r, COLUMN_CURRENCY, load_cell(r, COLUMN_CURRENCY));
    }
    if (rc == 0) {
        rc = load_money(r, COLUMN_PRICE, false, &l->price);
    }
    if (rc == 0) {
        rc = load_money(r, COLUMN_DISCOUNT, false, &discount);
    }
    if (rc != 0) {
        return rc;
    }
    if (l->price != NUMBER_NONE && l->price < 0) {
        return load_bad(r, COLUMN_PRICE, "a negative price");
    }
    r->source->notes[NOTE_BARE_PRICE] +=
        l->price != NUMBER_NONE && load_cell(r, COLUMN_CURRENCY).len == 0;
    l->state = state_of(r, l->price != NUMBER_NONE);
    l->price = l->price == NUMBER_NONE ? 0 : l->price;
    if (r->source->columns.at[COLUMN_DISCOUNT] >= 0) { // an empty cell there is no discount
        l->discount = discount == NUMBER_NONE ? 0 : discount < 0 ? -discount : discount;
    }
    rc = load_count(r, COLUMN_QUANTITY, l->state != LINE_CANCELLED, &l->quantity);
    l->quantity = l->quantity == NUMBER_NONE ? 0 : l->quantity;
    return rc;
}

static int take_keys(struct load_row *r, struct facts_line *l) {
    int rc = load_key(r, COLUMN_ORDER, &l->order);
    if (rc == 0) {
        rc = load_key(r, COLUMN_SKU, &l->sku);
    }
    if (rc == 0) {
        rc = load_asin(r, COLUMN_CHILD, &l->asin);
    }
    if (rc == 0 && l->order.len == 0) {
        return load_bad(r, COLUMN_ORDER, "is missing");
    }
    if (rc == 0 && l->sku.len == 0 && l->asin.len == 0) {
        return load_bad(r, COLUMN_SKU, "neither SKU nor ASIN");
    }
    return rc;
}

int load_orders_row(struct load_row *r) {
    struct facts_line l = {.section = r->load->sections, .line = r->from->line};
    if (is_left_out(r)) {
        return 0;
    }
    int rc = take_keys(r, &l);
    if (rc == 0) {
        rc = take_times(r, &l);
    }
    if (rc == 0) {
        rc = take_amounts(r, &l);
    }
    if (rc != 0) {
        return rc;
    }
    struct delimited_field business = load_cell(r, COLUMN_BUSINESS_ORDER);
    l.business = business.len == 0 ? NUMBER_NONE : begins(business, "true");
    l.promoted = r->source->columns.at[COLUMN_PROMOTIONS] < 0
                     ? NUMBER_NONE // also of one with a discount: those of shipping have none
                     : l.discount > 0 || load_cell(r, COLUMN_PROMOTIONS).len > 0;
    l.returned = l.state == LINE_SOLD && is_returned(r);
    l.title = load_title(r);
    return facts_add_line(r->load->facts, &l, r->trouble);
}

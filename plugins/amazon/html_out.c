#include <string.h>

#include "encoding.h"
#include "html_out.h"

static void put_char(FILE *out, const char *p, size_t n) {
    unsigned char c = (unsigned char)p[0];
    switch (c) {
    case '&': (void)fputs("&amp;", out); return;
    case '<': (void)fputs("&lt;", out); return;
    case '>': (void)fputs("&gt;", out); return;
    case '"': (void)fputs("&quot;", out); return;
    case '\'': (void)fputs("&#39;", out); return;
    default: break;
    }
    if (encoding_is_hidden(p, n)) {
        (void)fputs("\xEF\xBF\xBD", out);
    } else {
        (void)fwrite(p, 1, n, out);
    }
}

void html_cut(FILE *out, const char *text, size_t max) {
    size_t len = strlen(text), shown = 0;
    for (size_t i = 0; i < len; shown++) {
        size_t n = encoding_char(text + i, len - i);
        if (shown == max) {
            (void)fputs("\xE2\x80\xA6", out);
            return;
        }
        put_char(out, text + i, n);
        i += n == 0 ? 1 : n;
    }
}

void html_text(FILE *out, const char *text) {
    html_cut(out, text, (size_t)-1);
}

// A cell's figure may be good or bad news by its sign.
static const char *tone(const char *column, const char *text) {
    if (strcmp(column, "Change") != 0 && strcmp(column, "Difference") != 0 &&
        strcmp(column, "Against the mean") != 0) {
        return "";
    }
    return text[0] == '+' ? " up" : strncmp(text, "\xE2\x88\x92", 3) == 0 ? " down" : "";
}

static void put_cell(FILE *out, const struct table_column *c, const char *text) {
    if (c->number) {
        (void)fprintf(out, "<td class=\"n%s\">", tone(c->name, text));
        html_text(out, text);
    } else if (strcmp(c->name, "Class") == 0) {
        (void)fprintf(out, "<td><span class=\"abc %c\">", text[0] == '\0' ? '-' : text[0]);
        html_text(out, text);
        (void)fputs("</span>", out);
    } else {
        bool title = strstr(c->name, "roduct") != NULL;
        (void)fputs(title ? "<td class=\"t\" title=\"" : "<td>", out);
        if (title) {
            html_text(out, text);
            (void)fputs("\">", out);
        }
        html_cut(out, text, title ? 90 : (size_t)-1);
    }
    (void)fputs("</td>", out);
}

void html_table(FILE *out, const struct table *t) {
    (void)fprintf(out, "<section class=\"card\" id=\"%s\"><h2>", t->id);
    html_text(out, t->title);
    (void)fputs("</h2>", out);
    if (t->intro[0] != '\0') {
        (void)fputs("<p class=\"intro\">", out);
        html_text(out, t->intro);
        (void)fputs("</p>", out);
    }
    (void)fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"", out);
    html_text(out, t->title);
    (void)fputs("\"><table><thead><tr>", out);
    for (size_t i = 0; i < t->columns; i++) {
        (void)fputs(t->head[i].number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">",
                    out);
        html_text(out, t->head[i].name);
        (void)fputs("</th>", out);
    }
    (void)fputs("</tr></thead><tbody>\n", out);
    for (size_t row = 0; row < t->rows; row++) {
        (void)fputs("<tr>", out);
        for (size_t i = 0; i < t->columns; i++) {
            put_cell(out, &t->head[i], t->cells[row * t->columns + i]);
        }
        (void)fputs("</tr>\n", out);
    }
    (void)fputs("</tbody></table></div>", out);
    if (t->foot[0] != '\0') {
        (void)fputs("<p class=\"foot\">", out);
        html_text(out, t->foot);
        (void)fputs("</p>", out);
    }
    (void)fputs("</section>\n", out);
}

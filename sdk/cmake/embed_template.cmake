# Writes template_files.h: the files FILES of DIR as {path, text}. Texts are arrays of bytes, because ISO C promises string literals
# of 4095 characters only.
set(arrays "")
set(rows "")
set(number 0)
foreach(file IN LISTS FILES)
    file(READ ${DIR}/${file} bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(REPLACE "0x0a," "0x0a,\n    " bytes "${bytes}") # a line of text a line
    string(APPEND arrays "static const char template_text_${number}[] = { /* ${file} */\n    ${bytes}0x00,\n};\n")
    string(APPEND rows "    {\"${file}\", template_text_${number}},\n")
    math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "/* Generated from sdk/example/hello: what `jobhost plugin new NAME` writes, with every \"hello\" in paths and texts replaced by
 * NAME. Ends with {NULL, NULL}. */
#ifndef JOBHOST_TEMPLATE_FILES_H
#define JOBHOST_TEMPLATE_FILES_H

#include <stddef.h>

struct template_file {
    const char *path;
    const char *text;
};

${arrays}
static const struct template_file template_files[] = {
${rows}    {NULL, NULL},
};

#endif
")

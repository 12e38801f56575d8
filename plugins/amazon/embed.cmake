# Writes OUT with `static const char NAME[]`: the bytes of FILE and a NUL. An array, because ISO C promises string literals of 4095
# characters only.
file(READ ${FILE} bytes HEX)
string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
string(REPLACE "x0a'," "x0a',\n    " bytes "${bytes}")
get_filename_component(file ${FILE} NAME)
file(WRITE ${OUT} "/* Generated from ${file}. */\nstatic const char ${NAME}[] = {\n    ${bytes}0,\n};\n")

# Makes a C file that holds a file's bytes: cmake -DIN=FILE -DOUT=FILE.c -DNAME=symbol -P embed.cmake
# The symbol is `const char NAME[]`, without a NUL at the end, and `const size_t NAME_len`.
file(READ ${IN} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR length "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
string(REGEX REPLACE "(('[^']*',){16})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "#include <stddef.h>\nextern const char ${NAME}[];\nextern const size_t ${NAME}_len;\n"
    "const size_t ${NAME}_len = ${length};\nconst char ${NAME}[] = {\n${bytes}};\n")

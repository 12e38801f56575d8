# Writes the Lua files of a folder into one C file, each behind the parts of lib/ that its first
# line names ("-- use: queue place").
#
# What follows a part is a function of its own, called at once: making a closure looks for each local that it uses among
# all those of its own function that others have used, so that a hundred functions side by side cost a script more, each
# time it is called, than what most of them do.
#
#   cmake -DDIR=<folder> -DOUT=<file.c> -P lua_scripts.cmake
#
# The C file defines, for each DIR/<name>.lua, `const char redis_lua_<name>[]`, NUL-terminated.
file(GLOB scripts "${DIR}/*.lua")
list(SORT scripts)
set(code "/* Made from the Lua files; not to be edited. */\n#include \"store/redis/script.h\"\n")
foreach(script IN LISTS scripts)
    get_filename_component(name "${script}" NAME_WE)
    file(STRINGS "${script}" lines LIMIT_COUNT 1)
    set(parts "")
    if("${lines}" MATCHES "^-- use: (.*)$")
        string(REPLACE " " ";" parts "${CMAKE_MATCH_1}")
    endif()
    string(HEX "return (function()\n" open)
    string(HEX "end)()\n" close)
    set(hex "")
    set(ends "")
    foreach(part IN LISTS parts)
        file(READ "${DIR}/lib/${part}.lua" text HEX)
        string(APPEND hex "${text}${open}")
        string(APPEND ends "${close}")
    endforeach()
    file(READ "${script}" text HEX)
    string(APPEND hex "${text}${ends}00")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
    string(APPEND code "const char redis_lua_${name}[] = {\n${bytes}};\n")
endforeach()
file(WRITE "${OUT}" "${code}")

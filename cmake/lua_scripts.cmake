# Writes the Lua files of a folder into one C file. A line "-- use: queue place" stands for those parts of lib/; mostly
# it is the first one, further down it is for those calls that get there: what stands above may have returned.
#
# What follows a part is a function of its own, called at once: making a closure looks for each local that it uses among
# all those of its own function that others have used, so that a hundred functions side by side cost a script more, each
# time it is called, than what most of them do.
#
# In "-- use: insert (dedup meet) effects" those in parentheses are not seen by what follows: they give something to a local
# of a part before them. A function takes no more than sixty locals from outside, which is why.
#
#   cmake -DDIR=<folder> -DOUT=<file.c> -P lua_scripts.cmake
#
# The C file defines, for each DIR/<name>.lua, `const char redis_lua_<name>[]`, NUL-terminated.
file(GLOB scripts "${DIR}/*.lua")
list(SORT scripts)
set(code "/* Made from the Lua files; not to be edited. */\n#include \"store/redis/script.h\"\n")
string(HEX "return (function()\n" open)
string(HEX "end)()\n" close)
string(HEX "(function()\n" aside)
set(use "-- use: ")
string(LENGTH "${use}" use_length)
foreach(script IN LISTS scripts)
    get_filename_component(name "${script}" NAME_WE)
    file(READ "${script}" text)
    set(hex "")
    set(ends "")
    string(FIND "${text}" "${use}" at)
    while(NOT at EQUAL -1)
        string(SUBSTRING "${text}" 0 ${at} before)
        string(HEX "${before}" before)
        string(APPEND hex "${before}")
        math(EXPR at "${at} + ${use_length}")
        string(SUBSTRING "${text}" ${at} -1 text)
        string(FIND "${text}" "\n" end)
        string(SUBSTRING "${text}" 0 ${end} parts)
        string(SUBSTRING "${text}" ${end} -1 text)
        string(REPLACE " " ";" parts "${parts}")
        foreach(part IN LISTS parts)
            string(REGEX REPLACE "[()]" "" file "${part}")
            file(READ "${DIR}/lib/${file}.lua" lib HEX)
            if(part MATCHES "^\\(")
                string(APPEND hex "${aside}")
                set(inner "")
            endif()
            string(APPEND hex "${lib}")
            if(part MATCHES "\\)$")
                string(APPEND hex "${inner}${close}")
                unset(inner)
            elseif(DEFINED inner)
                string(APPEND hex "${open}")
                string(APPEND inner "${close}")
            else()
                string(APPEND hex "${open}")
                string(APPEND ends "${close}")
            endif()
        endforeach()
        string(FIND "${text}" "${use}" at)
    endwhile()
    string(HEX "${text}" text)
    string(APPEND hex "${text}${ends}00")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
    string(APPEND code "const char redis_lua_${name}[] = {\n${bytes}};\n")
endforeach()
file(WRITE "${OUT}" "${code}")

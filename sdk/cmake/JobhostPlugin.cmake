# Builds handler plugins: included by the jobhost tree itself and, through find_package(jobhost), by plugins of their own.
#
#     jobhost_add_plugin(hello SOURCES hello.c [more.c ...] [LINK library ...])
#
# makes the loadable file hello.so in ${JOBHOST_PLUGIN_OUTPUT_DIR} (default: the build directory's plugins/), with hidden
# visibility, one exported symbol, nothing left undefined, no lazy binding and no RPATH.
#
#     jobhost_add_plugin_test(hello SOURCES test_hello.c [LINK library ...])
#
# makes the test program test_hello of the plugin's own sources and the harness, and registers it with ctest.
include_guard(GLOBAL)

set(JOBHOST_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/plugin.map)
if(NOT DEFINED JOBHOST_PLUGIN_OUTPUT_DIR)
    set(JOBHOST_PLUGIN_OUTPUT_DIR ${CMAKE_BINARY_DIR}/plugins)
endif()

# Within the jobhost tree every first-party flag (warnings as errors, fault points) applies to plugins too.
function(_jobhost_plugin_flags target)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wformat=2)
    if(TARGET jh_flags)
        target_link_libraries(${target} PRIVATE jh_flags)
    endif()
endfunction()

function(jobhost_add_plugin name)
    cmake_parse_arguments(ARG "" "OUTPUT_DIR" "SOURCES;LINK" ${ARGN})
    if(NOT ARG_SOURCES)
        message(FATAL_ERROR "jobhost_add_plugin(${name}): SOURCES is missing")
    endif()
    if(NOT ARG_OUTPUT_DIR)
        set(ARG_OUTPUT_DIR ${JOBHOST_PLUGIN_OUTPUT_DIR})
    endif()
    add_library(plugin_${name} MODULE ${ARG_SOURCES})
    target_link_libraries(plugin_${name} PRIVATE jobhost::sdk ${ARG_LINK})
    _jobhost_plugin_flags(plugin_${name})
    set_target_properties(plugin_${name} PROPERTIES
        PREFIX "" OUTPUT_NAME ${name} SUFFIX ".so"
        LIBRARY_OUTPUT_DIRECTORY ${ARG_OUTPUT_DIR}
        C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
        SKIP_BUILD_RPATH ON
        LINK_DEPENDS ${JOBHOST_PLUGIN_MAP})
    target_link_options(plugin_${name} PRIVATE
        "LINKER:--version-script=${JOBHOST_PLUGIN_MAP}" "LINKER:-z,now" "LINKER:-z,relro")
    # A sanitizer's symbols are found in the program that loads the plugin, so they have to stay undefined here.
    get_directory_property(link_flags LINK_OPTIONS)
    if(NOT "${link_flags} ${CMAKE_C_FLAGS} ${CMAKE_MODULE_LINKER_FLAGS}" MATCHES "-fsanitize=")
        target_link_options(plugin_${name} PRIVATE "LINKER:-z,defs")
    endif()
    set_property(TARGET plugin_${name} PROPERTY JOBHOST_LINK "${ARG_LINK}")
endfunction()

function(jobhost_add_plugin_test name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    get_target_property(plugin_sources plugin_${name} SOURCES)
    get_target_property(plugin_dir plugin_${name} SOURCE_DIR)
    get_target_property(plugin_link plugin_${name} JOBHOST_LINK)
    list(TRANSFORM plugin_sources PREPEND ${plugin_dir}/ REGEX "^[^/$]")
    list(GET ARG_SOURCES 0 first)
    get_filename_component(program ${first} NAME_WE)
    add_executable(${program} ${ARG_SOURCES} ${plugin_sources})
    target_link_libraries(${program} PRIVATE jobhost::harness ${plugin_link} ${ARG_LINK})
    _jobhost_plugin_flags(${program})
    add_test(NAME ${program} COMMAND ${program})
endfunction()

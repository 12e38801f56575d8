// C++ with an inline static (STB_GNU_UNIQUE, which no dlclose() unloads), a thread-local with a destructor and an exception caught
// inside. Built without the export map of a tidy plugin, as somebody would who has only a compiler; twice, for reloads. Fields in
// order, as C++17 has no designated initialisers.
#include <stdexcept>
#include <string>

#include "jobhost_layout.h"
#include "jobhost_plugin.h"
#include "jobhost_util.h"

template <typename T> struct JH_EXPORT counter { static inline int value = 0; };

namespace {

struct goodbye {
    std::string text = "a string long enough to live on the heap";
};
thread_local goodbye last;

// "VERSION:N", counting its jobs.
jh_status run(void *, jh_call *c, const jh_job *) {
    try {
        last.text += std::to_string(++counter<int>::value);
        throw std::runtime_error(CPP_VERSION ":" + std::to_string(counter<int>::value));
    } catch (const std::exception &e) {
        (void)c->host->result(c, jh_bytes_of(e.what()));
    }
    return JH_OK;
}

// What leaves run() leaves the plugin, and there is nobody to catch it.
jh_status throws(void *, jh_call *, const jh_job *) {
    throw std::runtime_error("nobody catches this");
}

const jh_handler handlers[] = {
    {"cpp-unique.run", nullptr, run, 0, 1, nullptr, nullptr, 0, 0},
    {"cpp-unique.throws", nullptr, throws, 0, 1, nullptr, nullptr, 0, 0}};

} // namespace

// The header has declared it exported; g++ wants that said once.
const jh_plugin jobhost_plugin = {
    JH_ABI_MAGIC,
    JH_ABI_MAJOR,
    JH_ABI_MINOR,
    sizeof(jh_plugin),
    sizeof(jh_handler),
    "cpp-unique",
    CPP_VERSION,
    nullptr,
    handlers,
    2,
    0,
    nullptr,
    nullptr,
};

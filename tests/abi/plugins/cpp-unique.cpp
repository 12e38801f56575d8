// C++ with an inline static (STB_GNU_UNIQUE), a thread-local with a destructor and an exception
// caught inside; fields in order, as C++17 has no designated initialisers.
#include <stdexcept>
#include <string>

#include "jobhost_layout.h"
#include "jobhost_plugin.h"
#include "jobhost_util.h"

namespace {

template <typename T> struct counter { static inline int value = 0; };

struct goodbye {
    std::string text = "a string long enough to live on the heap";
};
thread_local goodbye last;

jh_status run(void *, jh_call *c, const jh_job *) {
    try {
        last.text += std::to_string(++counter<int>::value);
        throw std::runtime_error("caught");
    } catch (const std::exception &e) {
        (void)c->host->result(c, jh_bytes_of(e.what()));
    }
    return JH_OK;
}

const jh_handler handlers[] = {{"cpp-unique.run", nullptr, run, 0, 1, nullptr, nullptr, 0, 0}};

} // namespace

// The header has declared it exported; g++ wants that said once.
const jh_plugin jobhost_plugin = {
    JH_ABI_MAGIC,
    JH_ABI_MAJOR,
    JH_ABI_MINOR,
    sizeof(jh_plugin),
    sizeof(jh_handler),
    "cpp-unique",
    "1.0.0",
    nullptr,
    handlers,
    1,
    0,
    nullptr,
    nullptr,
};

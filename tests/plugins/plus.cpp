// plugins/plus.cpp: a plugin in C++ with what makes C++ libraries hard to unmap: an inline static, a
// function's static and a thread_local with a destructor. It is tally in every other respect.
#include "tally.c"

#include <string>

struct held {
    std::string text = "a text too long for the short string optimisation";
    ~held() {
        text.clear();
    }
};

inline held shared_by_name;
thread_local held of_a_thread;

held &of_a_function() {
    static held once;
    return once;
}

extern "C" std::size_t plus_touch() {
    return shared_by_name.text.size() + of_a_thread.text.size() + of_a_function().text.size();
}

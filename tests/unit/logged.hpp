// The lines that are logged while a test does something.
#pragma once

#include <gtest/gtest.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#include <sanitizer/common_interface_defs.h>
#include <unistd.h>
#endif

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "common/base/log.hpp"

namespace inout {

/// What a sanitizer reports is no line of the log: if it ends the process, nobody would see it.
inline void show_reports() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    static const std::intptr_t shown = ::dup(STDERR_FILENO);
    __sanitizer_set_report_fd(reinterpret_cast<void*>(shown));
#endif
}

inline std::string logged(const std::function<void()>& meanwhile) {
    show_reports();
    testing::internal::CaptureStderr();
    log::start("tests", log::Level::info, log::Format::text);
    meanwhile();
    log::flush(std::chrono::seconds(10));
    log::start("tests", log::Level::error, log::Format::text);
    return testing::internal::GetCapturedStderr();
}

}  // namespace inout

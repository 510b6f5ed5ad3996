// The lines that are logged while a test does something.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>

#include "common/base/log.hpp"

namespace inout {

inline std::string logged(const std::function<void()>& meanwhile) {
    testing::internal::CaptureStderr();
    log::start("tests", log::Level::info, log::Format::text);
    meanwhile();
    log::flush(std::chrono::seconds(10));
    log::start("tests", log::Level::error, log::Format::text);
    return testing::internal::GetCapturedStderr();
}

}  // namespace inout

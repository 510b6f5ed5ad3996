// Addresses that peers may come from, by number.
#pragma once

#include "common/base/address_range.hpp"

namespace inout {

inline IpAddress source(unsigned number) {
    IpAddress made;
    made.bytes[0] = static_cast<unsigned char>(number >> 8U);
    made.bytes[1] = static_cast<unsigned char>(number);
    return made;
}

}  // namespace inout

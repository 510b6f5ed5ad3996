// The bytes of the messages of who is behind a forward proxy, frozen as golden_frames.hpp has the
// others.
#pragma once

#include <vector>

#include "golden_frames.hpp"

namespace inout::golden {

// clang-format off
inline const std::vector<Frame>& framed_frames() {
    static const std::vector<Frame> rows{
{Way::sent, "out parks behind a forward proxy",
 OutDataRequest{.magic = "a2", .version = "0.0.1", .topic = "t", .ext = true, .ticket = "2f",
                .reuse = true, .framed = true},
 128,
 R"({"Type":"OutDataRequest","Payload":{"magic":"a2","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"ticket":"2f","reuse":1,"framed":1}}})"},
{Way::sent, "in opens behind a forward proxy",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f", .early = 5,
           .framed = true},
 119,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"3f","early":5,"framed":1}}})"},
{Way::sent, "in has a spare connection behind a forward proxy",
 InWarmRequest{.magic = "a4", .version = "0.0.1", .reuse = true, .framed = true},
 102,
 R"({"Type":"InWarmRequest","Payload":{"magic":"a4","version":"0.0.1",)"
 R"("ext":{"v":1,"reuse":1,"framed":1}}})"},
    };
    return rows;
}
// clang-format on

}  // namespace inout::golden

// The bytes of the messages that agree to compression, frozen as golden_frames.hpp has the others.
#pragma once

#include <vector>

#include "golden_frames.hpp"

namespace inout::golden {

// clang-format off
inline const std::vector<Frame>& compression_frames() {
    static const std::vector<Frame> rows{
{Way::sent, "in offers compression behind the five bytes that come as they are",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f", .zstd = 5,
           .early = 5},
 117,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"3f","zstd":5,"early":5}}})"},
{Way::sent, "the proxy passes that on",
 DataActiveRequest{.magic = "a6", .topic = "t", .ext = true, .id = "3f", .zstd = 5, .use = 2},
 107,
 R"({"Type":"DataActiveRequest","Payload":{"magic":"a6","type":"t",)"
 R"("ext":{"v":1,"id":"3f","zstd":5,"reuse":2}}})"},
{Way::sent, "out agrees, and so does the proxy",
 Response{.magic = "a6", .request = "DataActiveRequest", .ext = true, .zstd = true},
 110,
 R"({"Type":"Response","Payload":{"magic":"a6","request":"DataActiveRequest","message":"",)"
 R"("ext":{"v":1,"zstd":1}}})"},
    };
    return rows;
}
// clang-format on

}  // namespace inout::golden

// The bytes of the messages that say whose a stream is, frozen as golden_frames.hpp has the others.
#pragma once

#include <vector>

#include "golden_compression.hpp"
#include "golden_framed.hpp"
#include "golden_frames.hpp"
#include "golden_probes.hpp"

namespace inout::golden {

// clang-format off
inline const std::vector<Frame>& source_frames() {
    static const std::vector<Frame> rows{
{Way::sent, "out registers and wants to know whose its streams are",
 OutRequest{.magic = "a1", .version = "0.0.1", .topic = "t", .ext = true, .instance = "1f",
            .source = true},
 134,
 R"({"Type":"OutRequest","Payload":{"magic":"a1","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"instance":"1f","mode":"takeover","source":1}}})"},
{Way::sent, "the proxy has understood that",
 Response{.magic = "a1", .request = "OutRequest", .ext = true, .proxy = "2e", .ticket = "3d",
          .source = true},
 145,
 R"({"Type":"Response","Payload":{"magic":"a1","request":"OutRequest","message":"",)"
 R"("ext":{"v":1,"proxy":"2e","ticket":"3d","position":0,"source":1}}})"},
{Way::sent, "a proxy of the cluster vouches for the client",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f",
           .client = "[::1]:5", .early = 0, .hop = true, .origin = "key office",
           .source = "[2001:db8::7]:43090"},
 188,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"3f","client":"[::1]:5","early":0,"hop":1,"origin":"key office",)"
 R"("source":"[2001:db8::7]:43090"}}})"},
{Way::sent, "the proxy activates for an out that wants to know whose the stream is",
 DataActiveRequest{.magic = "a6", .topic = "t", .ext = true, .id = "3f",
                   .source = "192.0.2.8:43090"},
 115,
 R"({"Type":"DataActiveRequest","Payload":{"magic":"a6","type":"t",)"
 R"("ext":{"v":1,"id":"3f","source":"192.0.2.8:43090"}}})"},
    };
    return rows;
}
// clang-format on

/// All that are frozen.
inline const std::vector<Frame>& all_frames() {
    static const std::vector<Frame> all = [] {
        std::vector<Frame> rows = frames();
        rows.insert(rows.end(), source_frames().begin(), source_frames().end());
        rows.insert(rows.end(), framed_frames().begin(), framed_frames().end());
        rows.insert(rows.end(), compression_frames().begin(), compression_frames().end());
        rows.insert(rows.end(), probe_frames().begin(), probe_frames().end());
        return rows;
    }();
    return all;
}

}  // namespace inout::golden

// The bytes of what a doctor asks and is told, frozen as golden_frames.hpp has the others.
#pragma once

#include <vector>

#include "golden_frames.hpp"

namespace inout::golden {

// clang-format off
inline const std::vector<Frame>& probe_frames() {
    static const std::vector<Frame> rows{
{Way::sent, "out registers and answers probes",
 OutRequest{.magic = "a1", .version = "0.0.1", .topic = "t", .ext = true, .instance = "1f",
            .probe = true},
 133,
 R"({"Type":"OutRequest","Payload":{"magic":"a1","version":"0.0.1","type":"t","ext":{"v":1)"
 R"(,"instance":"1f","mode":"takeover","probe":1}}})"},
{Way::sent, "a doctor introduces itself",
 InWarmRequest{.magic = "a4", .version = "0.0.1", .probe = true},
 91,
 R"({"Type":"InWarmRequest","Payload":{"magic":"a4","version":"0.0.1","ext":{"v":1,"probe")"
 R"(:1}}})"},
{Way::sent, "the doctor of in asks about a topic",
 ProbeRequest{.magic = "a7", .topic = "t"},
 73,
 R"({"Type":"ProbeRequest","Payload":{"magic":"a7","type":"t","ext":{"v":1}}})"},
{Way::sent, "the doctor of out asks about a pattern",
 ProbeRequest{.magic = "a7", .topic = "db.*", .serves = true, .pattern = true},
 99,
 R"({"Type":"ProbeRequest","Payload":{"magic":"a7","type":"db.*","ext":{"v":1,"serves":1,")"
 R"(pattern":1}}})"},
{Way::sent, "a proxy of the cluster asks for a doctor",
 ProbeRequest{.magic = "a7", .topic = "t", .origin = "key office"},
 95,
 R"({"Type":"ProbeRequest","Payload":{"magic":"a7","type":"t","ext":{"v":1,"origin":)"
 R"("key office"}}})"},
{Way::sent, "the answer to a doctor",
 Response{.magic = "a4", .request = "InWarmRequest", .ext = true, .identity = "key office",
          .time_ms = 1'767'225'600'000, .probe = true},
 152,
 R"({"Type":"Response","Payload":{"magic":"a4","request":"InWarmRequest","message":"","ext)"
 R"(":{"v":1,"time":1767225600000,"identity":"key office","probe":1}}})"},
{Way::sent, "the answer to a probe whose backend works",
 Response{.magic = "a7", .request = "ProbeRequest", .ext = true, .took = Milliseconds{7}},
 105,
 R"({"Type":"Response","Payload":{"magic":"a7","request":"ProbeRequest","message":"","ext")"
 R"(:{"v":1,"took":7}}})"},
{Way::sent, "the answer to a probe of a topic that another proxy has",
 Response{.magic = "a7", .request = "ProbeRequest", .ext = true, .elsewhere = true},
 110,
 R"({"Type":"Response","Payload":{"magic":"a7","request":"ProbeRequest","message":"","ext")"
 R"(:{"v":1,"elsewhere":1}}})"},
    };
    return rows;
}
// clang-format on

}  // namespace inout::golden

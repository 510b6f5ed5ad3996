// The bytes of every message, frozen: what deployed programs send and understand today.
//
// A row that has to be changed is a change of the protocol (docs/protocol.md), and programs that
// are out there will see it. Rows are only ever added.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/wire/message.hpp"

namespace inout::golden {

/// `sent` is written by our programs and read back as it was; `taken` comes from other programs.
enum class Way { sent, taken };

struct Frame {
    Way way;
    std::string_view what;
    Message message;
    std::size_t bytes;  ///< of the body: what the frame's header says
    std::string_view body;
};

#define GOLDEN_MAC_2 "f5ea1a768868564d66f63968ea03550946fe3265a7deed00bc697ce2c0321a55"
#define GOLDEN_MAC_1 "d0ff8c250d4dbe603ff5fa355e025218e9e3f7a13b75126f70fe18974b12ef5f"
#define GOLDEN_MAC_COUNTED "5d7546f3dffbb50400d889fe538b89db57bd3f39a79c9c886accc3599e42103f"
#define GOLDEN_PROOF_2 R"("proof2":")" GOLDEN_MAC_2 "\""
#define GOLDEN_PROOF_1 R"("proof":")" GOLDEN_MAC_1 "\""

inline Proof proof(bool version_2, bool version_1) {
    return {.key = "office",
            .time_ms = 1'767'225'600'000,
            .mac = version_2 ? GOLDEN_MAC_2 : "",
            .mac_1 = version_1 ? GOLDEN_MAC_1 : ""};
}

// clang-format off
inline const std::vector<Frame>& frames() {
    static const std::vector<Frame> rows{
{Way::sent, "out registers: the page's example, byte for byte",
 OutRequest{.magic = "0123456789abcdef0123456789abcdef", .version = "0.0.1", .topic = "mysql",
            .ext = true, .instance = "fedcba9876543210fedcba9876543210",
            .heartbeat_timeout = Milliseconds{20'000}, .proof = proof(true, false)},
 325,
 R"({"Type":"OutRequest","Payload":{"magic":"0123456789abcdef0123456789abcdef","version":"0.0.1",)"
 R"("type":"mysql","ext":{"v":1,"instance":"fedcba9876543210fedcba9876543210","mode":"takeover",)"
 R"("heartbeat_timeout":20000,"key":"office","time":1767225600000,)" GOLDEN_PROOF_2 "}}}"},
{Way::sent, "out registers with a key over TLS",
 OutRequest{.magic = "a1", .version = "0.0.1", .topic = "t", .ext = true, .instance = "1f",
            .bound = true, .proof = proof(true, false)},
 245,
 R"({"Type":"OutRequest","Payload":{"magic":"a1","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"instance":"1f","mode":"takeover","bound":1,)"
 R"("key":"office","time":1767225600000,)" GOLDEN_PROOF_2 "}}}"},
{Way::sent, "out registers a pattern together with others",
 OutRequest{.magic = "a1", .version = "0.0.1", .topic = "db.*", .ext = true, .instance = "1f",
            .share = true, .weight = 3, .pattern = true},
 159,
 R"({"Type":"OutRequest","Payload":{"magic":"a1","version":"0.0.1","type":"db.*",)"
 R"("ext":{"v":1,"instance":"1f","mode":"takeover","share":1,"weight":3,"pattern":1}}})"},
{Way::sent, "the proxy has understood that",
 Response{.magic = "a1", .request = "OutRequest", .ext = true, .proxy = "2e", .ticket = "3d",
          .share = true, .pattern = true},
 156,
 R"({"Type":"Response","Payload":{"magic":"a1","request":"OutRequest","message":"",)"
 R"("ext":{"v":1,"proxy":"2e","ticket":"3d","position":0,"share":1,"pattern":1}}})"},
{Way::sent, "out registers as nobody",
 OutRequest{.magic = "a1", .version = "0.0.1", .topic = "t", .ext = true, .instance = "1f"},
 123,
 R"({"Type":"OutRequest","Payload":{"magic":"a1","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"instance":"1f","mode":"takeover"}}})"},
{Way::sent, "out registers behind others, with both proofs",
 OutRequest{.magic = "a1", .version = "0.0.1", .topic = "t", .ext = true, .instance = "1f",
            .standby = true, .heartbeat_timeout = Milliseconds{5'000}, .proof = proof(true, true)},
 334,
 R"({"Type":"OutRequest","Payload":{"magic":"a1","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"instance":"1f","mode":"standby","heartbeat_timeout":5000,)"
 R"("key":"office","time":1767225600000,)" GOLDEN_PROOF_1 "," GOLDEN_PROOF_2 "}}}"},
{Way::sent, "out registers with the last release's proof",
 OutRequest{.magic = "a1", .version = "0.0.1", .topic = "t", .ext = true, .instance = "1f",
            .proof = proof(false, true)},
 234,
 R"({"Type":"OutRequest","Payload":{"magic":"a1","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"instance":"1f","mode":"takeover",)"
 R"("key":"office","time":1767225600000,)" GOLDEN_PROOF_1 "}}}"},
{Way::taken, "a 0.0.1 out registers",
 OutRequest{.magic = "a1", .version = "0.0.1", .topic = "t"},
 75, R"({"Type":"OutRequest","Payload":{"magic":"a1","version":"0.0.1","type":"t"}})"},

{Way::sent, "out parks",
 OutDataRequest{.magic = "a2", .version = "0.0.1", .topic = "t", .ext = true, .ticket = "2f"},
 107,
 R"({"Type":"OutDataRequest","Payload":{"magic":"a2","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"ticket":"2f"}}})"},
{Way::sent, "out parks and shows that it has the key of its registration",
 OutDataRequest{.magic = "a2", .version = "0.0.1", .topic = "t", .ext = true, .ticket = "2f",
                .mac = GOLDEN_MAC_2, .quiet = true},
 190,
 R"({"Type":"OutDataRequest","Payload":{"magic":"a2","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"ticket":"2f","mac":")" GOLDEN_MAC_2 R"(","quiet":1}}})"},
{Way::sent, "a proxy of a cluster passes on what an out parks",
 OutDataRequest{.magic = "a2", .version = "0.0.1", .topic = "t", .ext = true, .ticket = "2f",
                .reuse = true, .hop = true, .bind = "0e", .origin = "certificate b",
                .proof = proof(true, false)},
 274,
 R"({"Type":"OutDataRequest","Payload":{"magic":"a2","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"ticket":"2f","reuse":1,"hop":1,"bind":"0e","origin":"certificate b",)"
 R"("key":"office","time":1767225600000,)" GOLDEN_PROOF_2 "}}}"},
{Way::sent, "out parks and wants no answer",
 OutDataRequest{.magic = "a2", .version = "0.0.1", .topic = "t", .ext = true, .ticket = "2f",
                .quiet = true},
 117,
 R"({"Type":"OutDataRequest","Payload":{"magic":"a2","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"ticket":"2f","quiet":1}}})"},
{Way::sent, "out parks one that can carry one stream after another",
 OutDataRequest{.magic = "a2", .version = "0.0.1", .topic = "t", .ext = true, .ticket = "2f",
                .quiet = true, .reuse = true},
 127,
 R"({"Type":"OutDataRequest","Payload":{"magic":"a2","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"ticket":"2f","quiet":1,"reuse":1}}})"},
{Way::sent, "out parks at a 0.0.1 proxy, which gave no ticket",
 OutDataRequest{.magic = "a2", .version = "0.0.1", .topic = "t", .ext = true},
 93,
 R"({"Type":"OutDataRequest","Payload":{"magic":"a2","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1}}})"},
{Way::taken, "a 0.0.1 out parks",
 OutDataRequest{.magic = "a2", .version = "0.0.1", .topic = "t"},
 79, R"({"Type":"OutDataRequest","Payload":{"magic":"a2","version":"0.0.1","type":"t"}})"},

{Way::sent, "in opens a stream",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true,
           .id = "fce59ae7531f9e26", .client = "127.0.0.1:45126"},
 139,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"fce59ae7531f9e26","client":"127.0.0.1:45126"}}})"},
{Way::sent, "in opens a stream that is encrypted end to end, with both proofs",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f",
           .client = "[::1]:5", .e2e = true, .proof = proof(true, true)},
 312,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"3f","client":"[::1]:5","e2e":1,)"
 R"("key":"office","time":1767225600000,)" GOLDEN_PROOF_1 "," GOLDEN_PROOF_2 "}}}"},
{Way::sent, "a proxy of the cluster opens a stream for somebody who has asked there",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f",
           .client = "[::1]:5", .early = 0, .hop = true, .origin = "key office",
           .proof = proof(true, false)},
 269,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"3f","client":"[::1]:5","early":0,"hop":1,"origin":"key office",)"
 R"("key":"office","time":1767225600000,)" GOLDEN_PROOF_2 "}}}"},
{Way::sent, "in opens a stream of nobody known",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f"},
 98,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"3f"}}})"},
{Way::sent, "in opens a stream, announces no early bytes and will be answered before more",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f", .early = 0},
 108,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"3f","early":0}}})"},
{Way::sent, "in opens a stream and announces the most early bytes",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f",
           .client = "[::1]:5", .early = 32'768},
 131,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"3f","client":"[::1]:5","early":32768}}})"},
{Way::sent, "in opens the second stream of a connection: the page's example",
 InRequest{.magic = "0123456789abcdef0123456789abcdef", .version = "0.0.1", .topic = "mysql",
           .ext = true, .id = "0011223344556677", .client = "192.0.2.1:45126", .use = 2,
           .proof = Proof{"office", 1'767'225'600'000, GOLDEN_MAC_COUNTED, ""}},
 295,
 R"({"Type":"InRequest","Payload":{"magic":"0123456789abcdef0123456789abcdef","version":"0.0.1",)"
 R"("type":"mysql","ext":{"v":1,"id":"0011223344556677","client":"192.0.2.1:45126","reuse":2,)"
 R"("key":"office","time":1767225600000,"proof2":")" GOLDEN_MAC_COUNTED R"("}}})"},
{Way::sent, "in opens the last stream of a connection",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f",
           .use = 10'000},
 112,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"3f","reuse":10000}}})"},
{Way::sent, "in opens a stream once more, encrypted end to end, not at the two outs that refused",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f", .e2e = true,
           .tried = "01234567,fedcba98"},
 132,
 R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t",)"
 R"("ext":{"v":1,"id":"3f","e2e":1,"not":"01234567,fedcba98"}}})"},
{Way::taken, "a 0.0.1 in opens a stream",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t"},
 74, R"({"Type":"InRequest","Payload":{"magic":"a3","version":"0.0.1","type":"t"}})"},
{Way::taken, "members in any order",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f",
           .client = "c:1"},
 113,
 R"({"Payload":{"ext":{"client":"c:1","id":"3f","v":1},"type":"t","version":"0.0.1",)"
 R"("magic":"a3"},"Type":"InRequest"})"},
{Way::taken, "members in any letter case",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f",
           .client = "c:1"},
 113,
 R"({"TYPE":"InRequest","payLOAD":{"Magic":"a3","VERSION":"0.0.1","tYpE":"t",)"
 R"("Ext":{"V":1,"ID":"3f","Client":"c:1"}}})"},
{Way::taken, "members that nobody knows, a later version of ext, white space, escapes",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t", .ext = true, .id = "3f"},
 171,
 R"({ "Extra": [1, {}], "Type": "InRequest", "Payload": {"more": null, "magic": "a3",)"
 R"( "version": "0.0.1", "type": "\u0074", "ext": {"v": 7, "id": "3f", "future": {"a": []}}} })"},
{Way::taken, "the last one of members with one name",
 InRequest{.magic = "a3", .version = "0.0.1", .topic = "t"},
 90,
 R"({"Type":"InRequest","Payload":{"magic":"first","MAGIC":"a3","version":"0.0.1","type":"t"}})"},

{Way::sent, "in opens a spare connection",
 InWarmRequest{.magic = "a4", .version = "0.0.1"},
 81, R"({"Type":"InWarmRequest","Payload":{"magic":"a4","version":"0.0.1","ext":{"v":1}}})"},
{Way::sent, "a proxy of the cluster opens a connection in advance",
 InWarmRequest{.magic = "a4", .version = "0.0.1", .reuse = true, .hop = true},
 99,
 R"({"Type":"InWarmRequest","Payload":{"magic":"a4","version":"0.0.1",)"
 R"("ext":{"v":1,"reuse":1,"hop":1}}})"},
{Way::sent, "in opens a spare connection that can carry one stream after another",
 InWarmRequest{.magic = "a4", .version = "0.0.1", .reuse = true},
 91,
 R"({"Type":"InWarmRequest","Payload":{"magic":"a4","version":"0.0.1","ext":{"v":1,"reuse":1}}})"},
{Way::sent, "in opens a spare connection, with both proofs",
 InWarmRequest{.magic = "a4", .version = "0.0.1", .proof = proof(true, true)},
 268,
 R"({"Type":"InWarmRequest","Payload":{"magic":"a4","version":"0.0.1",)"
 R"("ext":{"v":1,"key":"office","time":1767225600000,)" GOLDEN_PROOF_1 "," GOLDEN_PROOF_2 "}}}"},

{Way::sent, "the proxy asks for a data connection, as 0.0.1 does",
 NewDataRequest{.magic = "a5", .topic = "t"},
 61, R"({"Type":"NewDataRequest","Payload":{"magic":"a5","type":"t"}})"},
{Way::sent, "the proxy asks for several",
 NewDataRequest{.magic = "a5", .topic = "t", .count = 100},
 87, R"({"Type":"NewDataRequest","Payload":{"magic":"a5","type":"t","ext":{"v":1,"count":100}}})"},
{Way::sent, "the proxy asks for the one that a client waits for",
 NewDataRequest{.magic = "a5", .topic = "t", .waiting = true},
 87, R"({"Type":"NewDataRequest","Payload":{"magic":"a5","type":"t","ext":{"v":1,"waiting":1}}})"},
{Way::sent, "the proxy asks for several, and a client waits",
 NewDataRequest{.magic = "a5", .topic = "t", .count = 2, .waiting = true},
 97,
 R"({"Type":"NewDataRequest","Payload":{"magic":"a5","type":"t",)"
 R"("ext":{"v":1,"count":2,"waiting":1}}})"},

{Way::sent, "the proxy activates",
 DataActiveRequest{.magic = "a6", .topic = "t", .ext = true, .id = "fce59ae7531f9e26",
                   .client = "127.0.0.1:45126"},
 129,
 R"({"Type":"DataActiveRequest","Payload":{"magic":"a6","type":"t",)"
 R"("ext":{"v":1,"id":"fce59ae7531f9e26","client":"127.0.0.1:45126"}}})"},
{Way::sent, "the proxy activates for a stream that is encrypted end to end",
 DataActiveRequest{.magic = "a6", .topic = "t", .ext = true, .id = "3f", .e2e = true},
 96,
 R"({"Type":"DataActiveRequest","Payload":{"magic":"a6","type":"t",)"
 R"("ext":{"v":1,"id":"3f","e2e":1}}})"},
{Way::sent, "the proxy activates the first stream of a connection",
 DataActiveRequest{.magic = "a6", .topic = "t", .ext = true, .id = "3f", .use = 1},
 98,
 R"({"Type":"DataActiveRequest","Payload":{"magic":"a6","type":"t",)"
 R"("ext":{"v":1,"id":"3f","reuse":1}}})"},
{Way::taken, "a 0.0.1 proxy activates",
 DataActiveRequest{.magic = "a6", .topic = "t"},
 64, R"({"Type":"DataActiveRequest","Payload":{"magic":"a6","type":"t"}})"},

{Way::sent, "the answer to a registration",
 Response{.magic = "a1", .request = "OutRequest", .ext = true, .proxy = "b85c4b4a",
          .ticket = "7346cce2", .quiet = true, .identity = "key office"},
 180,
 R"({"Type":"Response","Payload":{"magic":"a1","request":"OutRequest","message":"",)"
 R"("ext":{"v":1,"proxy":"b85c4b4a","ticket":"7346cce2","position":0,"quiet":1,)"
 R"("identity":"key office"}}})"},
{Way::sent, "the answer to a registration in line",
 Response{.magic = "a1", .request = "OutRequest", .ext = true, .proxy = "b85c4b4a",
          .ticket = "7346cce2", .position = 15, .identity = "anonymous"},
 170,
 R"({"Type":"Response","Payload":{"magic":"a1","request":"OutRequest","message":"",)"
 R"("ext":{"v":1,"proxy":"b85c4b4a","ticket":"7346cce2","position":15,)"
 R"("identity":"anonymous"}}})"},
{Way::sent, "the answer to a park",
 Response{.magic = "a2", .request = "OutDataRequest", .ext = true, .proxy = "b85c4b4a"},
 117,
 R"({"Type":"Response","Payload":{"magic":"a2","request":"OutDataRequest","message":"",)"
 R"("ext":{"v":1,"proxy":"b85c4b4a"}}})"},
{Way::sent, "the answer to an activation",
 Response{.magic = "a6", .request = "DataActiveRequest", .ext = true},
 101,
 R"({"Type":"Response","Payload":{"magic":"a6","request":"DataActiveRequest","message":"",)"
 R"("ext":{"v":1}}})"},
{Way::sent, "the answer to an open",
 Response{.magic = "a3", .request = "InRequest", .ext = true, .warm = Milliseconds{120'000}},
 107,
 R"({"Type":"Response","Payload":{"magic":"a3","request":"InRequest","message":"",)"
 R"("ext":{"v":1,"warm":120000}}})"},
{Way::sent, "the answer to another proxy's open that is encrypted end to end: which out has it",
 Response{.magic = "a3", .request = "InRequest", .ext = true, .out = "01234567", .lists = "9e"},
 123,
 R"({"Type":"Response","Payload":{"magic":"a3","request":"InRequest","message":"",)"
 R"("ext":{"v":1,"out":"01234567","lists":"9e"}}})"},
{Way::sent, "the answer to a spare connection",
 Response{.magic = "a4", .request = "InWarmRequest", .ext = true, .warm = Milliseconds{0},
          .identity = "certificate in"},
 134,
 R"({"Type":"Response","Payload":{"magic":"a4","request":"InWarmRequest","message":"",)"
 R"("ext":{"v":1,"warm":0,"identity":"certificate in"}}})"},
{Way::sent, "the answer to a spare connection that will carry one stream after another",
 Response{.magic = "a4", .request = "InWarmRequest", .ext = true, .warm = Milliseconds{120'000},
          .reuse = true, .nonce = "89abcdef0123456789abcdef01234567"},
 164,
 R"({"Type":"Response","Payload":{"magic":"a4","request":"InWarmRequest","message":"",)"
 R"("ext":{"v":1,"warm":120000,"reuse":1,"nonce":"89abcdef0123456789abcdef01234567"}}})"},
{Way::sent, "the refusal for a clock",
 Response{.magic = "a3", .request = "InRequest", .message = "your clock is wrong", .ext = true,
          .code = Code::clock, .warm = Milliseconds{5}, .time_ms = 1'767'225'600'000},
 157,
 R"({"Type":"Response","Payload":{"magic":"a3","request":"InRequest",)"
 R"("message":"your clock is wrong","ext":{"v":1,"code":"clock","warm":5,)"
 R"("time":1767225600000}}})"},
{Way::sent, "the refusal of a stream for which nothing was begun",
 Response{.magic = "a6", .request = "DataActiveRequest", .message = "out is ending", .ext = true,
          .code = Code::draining, .retry = true},
 142,
 R"({"Type":"Response","Payload":{"magic":"a6","request":"DataActiveRequest",)"
 R"("message":"out is ending","ext":{"v":1,"code":"draining","retry":1}}})"},
{Way::sent, "the refusal of what can not come first",
 Response{.magic = "invalid tp", .request = "invalid tp", .message = "invalid tp", .ext = true,
          .code = Code::malformed},
 131,
 R"({"Type":"Response","Payload":{"magic":"invalid tp","request":"invalid tp",)"
 R"("message":"invalid tp","ext":{"v":1,"code":"malformed"}}})"},
{Way::sent, "a text that JSON escapes, and letters that are not ASCII",
 Response{.magic = "a3", .request = "InRequest", .message = "\"\\\n\x01é€", .ext = true,
          .code = Code::limit},
 125,
 R"({"Type":"Response","Payload":{"magic":"a3","request":"InRequest",)"
 R"("message":"\"\\\n\u0001é€","ext":{"v":1,"code":"limit"}}})"},
{Way::taken, "a 0.0.1 program agrees",
 Response{.magic = "a6", .request = "DataActiveRequest"}, 87,
 R"({"Type":"Response","Payload":{"magic":"a6","request":"DataActiveRequest","message":""}})"},
{Way::taken, "a 0.0.1 program refuses",
 Response{.magic = "a3", .request = "InRequest", .message = "topic not found",
          .code = Code::unknown},
 94,
 R"({"Type":"Response","Payload":{"magic":"a3","request":"InRequest",)"
 R"("message":"topic not found"}})"},

{Way::sent, "a Ping", Ping{}, 28, R"({"Type":"Ping","Payload":{}})"},
{Way::sent, "a Pong", Pong{}, 28, R"({"Type":"Pong","Payload":{}})"},
{Way::taken, "a Ping without a payload", Ping{}, 15, R"({"Type":"Ping"})"},
{Way::taken, "a Pong whose payload is null", Pong{}, 30, R"({"Type":"Pong","Payload":null})"},

{Way::sent, "another out took the topic", Notice{NoticeCode::displaced, "displaced by 127.0.0.1:5"},
 85,
 R"({"Type":"Notice","Payload":{"code":"displaced","message":"displaced by 127.0.0.1:5"}})"},
{Way::sent, "the topic came back", Notice{NoticeCode::promoted, ""},
 60, R"({"Type":"Notice","Payload":{"code":"promoted","message":""}})"},
{Way::sent, "the next process is there", Notice{NoticeCode::draining, "proxy is ending", true},
 87, R"({"Type":"Notice","Payload":{"code":"draining","message":"proxy is ending","at_once":1}})"},
{Way::sent, "the program is ending", Notice{NoticeCode::draining, "draining"},
 68, R"({"Type":"Notice","Payload":{"code":"draining","message":"draining"}})"},
{Way::sent, "no backend works", Notice{NoticeCode::unready, "no backend works"},
 75, R"({"Type":"Notice","Payload":{"code":"unready","message":"no backend works"}})"},
{Way::sent, "one works again", Notice{NoticeCode::ready, ""},
 57, R"({"Type":"Notice","Payload":{"code":"ready","message":""}})"},
{Way::sent, "a notice of none of these", Notice{NoticeCode::other, "words"},
 62, R"({"Type":"Notice","Payload":{"code":"other","message":"words"}})"},
{Way::taken, "a notice of a later version", Notice{NoticeCode::other, ""},
 44, R"({"Type":"Notice","Payload":{"code":"lunch"}})"},
    };
    return rows;
}

/// The word of each code on the wire.
struct CodeWord {
    Code code;
    std::string_view word;
};
inline constexpr CodeWord kCodeWords[] = {
    {Code::no_topic, "no_topic"},           {Code::no_out, "no_out"},
    {Code::open_timeout, "open_timeout"},   {Code::backend_refused, "backend_refused"},
    {Code::backend_timeout, "backend_timeout"},
    {Code::backend_unresolved, "backend_unresolved"},
    {Code::denied, "denied"},               {Code::clock, "clock"},
    {Code::e2e, "e2e"},                     {Code::quota, "quota"},
    {Code::limit, "limit"},
    {Code::penalised, "penalised"},         {Code::unready, "unready"},
    {Code::draining, "draining"},           {Code::no_directory, "no_directory"},
    {Code::version, "version"},
    {Code::malformed, "malformed"},         {Code::unknown, "unknown"},
};
// clang-format on

#undef GOLDEN_PROOF_1
#undef GOLDEN_PROOF_2
#undef GOLDEN_MAC_1
#undef GOLDEN_MAC_COUNTED
#undef GOLDEN_MAC_2

}  // namespace inout::golden

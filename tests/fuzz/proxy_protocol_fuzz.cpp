// The first bytes of a connection read as a header of the PROXY protocol: however they arrive, the
// same comes out; no more is waited for than a header may have; and what was read is written back
// so that it is read as the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/wire/proxy_protocol.hpp"
#include "demand.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace inout;
    const auto bytes = text_of(data, size);
    const auto whole = parse_proxy_header(bytes);
    // As a connection reads it: never more than was asked for.
    std::size_t there = 0;
    while (true) {
        const auto header = parse_proxy_header(bytes.substr(0, there));
        if (!header) {
            demand(!header.error().empty() && !whole);
            return 0;
        }
        demand(header->size <= kProxyHeaderMaxBytes);
        if (header->is_whole) {
            demand(header->size <= there);
            demand(whole && whole->is_whole && whole->size == header->size);
            demand(whole->route == header->route);
            break;
        }
        demand(header->size > there && !header->route);
        if (header->size > size) {
            demand(!whole || !whole->is_whole);
            return 0;
        }
        there = header->size;
    }
    for (const auto& written : {proxy_header_v1(whole->route), proxy_header_v2(whole->route)}) {
        demand(written.size() <= kProxyLineMaxBytes);
        const auto again = parse_proxy_header(written);
        demand(again && again->is_whole && again->size == written.size());
        demand(again->route == whole->route);
    }
    return 0;
}

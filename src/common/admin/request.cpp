#include "common/admin/request.hpp"

#include <http_parser.h>

#include <algorithm>
#include <limits>

#include "common/base/limits.hpp"

namespace inout::admin {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// A name is a token (RFC 9110, 5.6.2).
bool is_token(std::string_view name) {
    constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
    return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kOthers.find(c) != kOthers.npos;
    });
}

bool is_text(std::string_view value) {
    return std::all_of(value.begin(), value.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return c == '\t' || (byte >= ' ' && byte != 0x7f);
    });
}

/// What http-parser lets pass where it was not built to be strict, as Debian's.
bool is_strict(const Request& request) {
    return std::all_of(request.target.begin(), request.target.end(),
                       [](char c) { return c > ' ' && c < 0x7f; }) &&
           std::all_of(request.fields.begin(), request.fields.end(), [](const Field& field) {
               return is_token(field.name) && is_text(field.value);
           });
}

}  // namespace

std::size_t Request::count(std::string_view name) const {
    return static_cast<std::size_t>(std::count_if(
        fields.begin(), fields.end(), [name](const Field& field) { return field.name == name; }));
}

std::optional<std::string_view> Request::field(std::string_view name) const {
    if (count(name) != 1) return std::nullopt;
    return std::find_if(fields.begin(), fields.end(),
                        [name](const Field& field) { return field.name == name; })
        ->value;
}

std::string_view Request::path() const {
    return std::string_view(target).substr(0, target.find('?'));
}

std::string_view Request::query() const {
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view()
                                     : std::string_view(target).substr(mark + 1);
}

/// http-parser calls back in C, which no exception may pass: the callbacks only note what they are
/// told, and memory for that was taken beforehand.
struct RequestReader::Parser {
    http_parser parser{};
    Request request;
    std::size_t bytes = 0;
    unsigned failure = 0;
    bool over = false, out_of_memory = false;
    char first = 0;
    enum class Last { none, name, value } last = Last::none;

    static Parser& of(http_parser* parser) { return *static_cast<Parser*>(parser->data); }

    int fail(unsigned status) {
        failure = status;
        return -1;
    }
    template <class Act>
    static int act(http_parser* parser, Act act) {
        Parser& self = of(parser);
        try {
            return act(self);
        } catch (...) {
            self.out_of_memory = true;
            return -1;
        }
    }

    static int on_target(http_parser* parser, const char* at, std::size_t size) {
        return act(parser, [&](Parser& self) {
            self.request.target.append(at, size);
            return 0;
        });
    }
    static int on_name(http_parser* parser, const char* at, std::size_t size) {
        return act(parser, [&](Parser& self) {
            auto& fields = self.request.fields;
            if (self.last != Last::name) {
                if (fields.size() >= kAdminFieldsMax) return self.fail(431);
                fields.emplace_back();
            }
            self.last = Last::name;
            std::transform(at, at + size, std::back_inserter(fields.back().name), lower);
            return 0;
        });
    }
    static int on_value(http_parser* parser, const char* at, std::size_t size) {
        return act(parser, [&](Parser& self) {
            self.last = Last::value;
            self.request.fields.back().value.append(at, size);
            return 0;
        });
    }
    static int on_headers(http_parser* parser) {
        return act(parser, [&](Parser& self) {
            Request& read = self.request;
            read.method = http_method_str(static_cast<http_method>(parser->method));
            if (parser->http_major != 1 || parser->http_minor > 1) return self.fail(505);
            if (!is_strict(read)) return self.fail(400);
            read.is_1_0 = parser->http_minor == 0;
            read.keep_alive = http_should_keep_alive(parser) != 0 && parser->upgrade == 0;
            constexpr auto kUnknown = std::numeric_limits<decltype(parser->content_length)>::max();
            read.has_body = read.count("transfer-encoding") > 0 ||
                            (parser->content_length != 0 && parser->content_length != kUnknown);
            if (!read.has_body) return 0;
            self.over = true;
            return -1;
        });
    }
    static int on_end(http_parser* parser) {
        of(parser).over = true;
        http_parser_pause(parser, 1);
        return 0;
    }

    unsigned status_of_error() const {
        if (failure != 0) return failure;
        const auto error = static_cast<http_errno>(parser.http_errno);
        if (error == HPE_HEADER_OVERFLOW) return 431;
        if (error == HPE_INVALID_VERSION) return 505;
        // What begins like a method may be one that is not known here.
        if (error == HPE_INVALID_METHOD && first >= 'A' && first <= 'Z') return 501;
        return 400;
    }
};

RequestReader::RequestReader() : parser_(std::make_unique<Parser>()) {
    http_parser_init(&parser_->parser, HTTP_REQUEST);
    parser_->parser.data = parser_.get();
}

RequestReader::~RequestReader() = default;

std::size_t RequestReader::feed(std::string_view bytes) {
    static const http_parser_settings settings = [] {
        http_parser_settings callbacks;
        http_parser_settings_init(&callbacks);
        callbacks.on_url = Parser::on_target;
        callbacks.on_header_field = Parser::on_name;
        callbacks.on_header_value = Parser::on_value;
        callbacks.on_headers_complete = Parser::on_headers;
        callbacks.on_message_complete = Parser::on_end;
        return callbacks;
    }();
    Parser& self = *parser_;
    if (is_over() || bytes.empty()) return 0;
    const std::string_view piece = bytes.substr(0, kAdminRequestMaxBytes + 1 - self.bytes);
    if (self.bytes == 0) self.first = piece.front();
    const std::size_t taken =
        http_parser_execute(&self.parser, &settings, piece.data(), piece.size());
    self.bytes += taken;
    if (self.out_of_memory) throw std::bad_alloc();
    if (self.over) {
        if (self.bytes > kAdminRequestMaxBytes) self.failure = 431;
        return taken;
    }
    if (self.parser.http_errno != HPE_OK) {
        self.failure = self.status_of_error();
    } else if (self.bytes > kAdminRequestMaxBytes) {
        self.failure = self.request.fields.empty() ? 414 : 431;
    }
    return taken;
}

bool RequestReader::is_over() const { return parser_->over || parser_->failure != 0; }
unsigned RequestReader::failure() const { return parser_->failure; }
const Request& RequestReader::request() const { return parser_->request; }

}  // namespace inout::admin

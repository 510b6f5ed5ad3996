// What is wrong with a configuration file, each with its place. Pure; one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace inout {

/// Collects what is wrong with one file, and what is accepted though it may not be what was meant.
/// Of each it remembers the first hundred and counts the others.
class Problems {
  public:
    Problems(std::string_view text, std::string_view file);

    /// `where` is a part of the text, `path` the JSON path that it belongs to (may be empty).
    void add(std::string_view where, std::string_view path, std::string what);
    void warn(std::string_view where, std::string_view path, std::string what);
    bool empty() const { return problems_.list.empty(); }
    std::size_t count() const { return problems_.list.size() + problems_.omitted; }
    std::size_t line_of(std::string_view where) const;

    /// `file:line:column: path: what`, in the text's order. Columns count characters, from 1.
    std::vector<std::string> lines() const;
    std::vector<std::string> warnings() const;

  private:
    struct Finding {
        std::string_view where;
        std::string what;
    };
    struct Findings {
        void add(std::string_view where, std::string_view path, std::string what);
        std::vector<Finding> list;
        std::size_t omitted = 0;
    };
    std::vector<std::string> lines_of(Findings findings, std::string_view name) const;

    std::string_view text_;
    std::string file_;
    std::vector<std::size_t> line_starts_;
    Findings problems_, warnings_;
};

}  // namespace inout

#include "stages/parse/json_parser.h"

#include <simdjson.h>

#include <algorithm>
#include <memory_resource>
#include <mutex>

#include "pipeline/limits.h"
#include "stages/parse/path_tree.h"
#include "stages/parse/payload_walker.h"

namespace rebuild_projection {
namespace {

/// Payload bytes that a parser is made for at the least: most payloads fit, so that its buffers are made once.
constexpr std::size_t parser_bytes_min = std::size_t{64} << 10;

/// A parser that grew beyond this is not kept: its buffers are several times as large as the largest payload it has
/// read.
constexpr std::size_t parser_bytes_kept_max = std::size_t{16} << 20;

using Parser = simdjson::ondemand::parser;

/// The simdjson parsers that no running call is using: as many as there were calls at once. Thread-safe.
class ParserPool {
 public:
  /// A parser for payloads of up to `bytes`.
  std::unique_ptr<Parser> take(std::size_t bytes) {
    std::unique_ptr<Parser> parser;
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        parser = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (!parser) parser = std::make_unique<Parser>();
    if (parser->capacity() < bytes || parser->capacity() == 0) {
      const std::size_t capacity = std::max(bytes, parser_bytes_min);
      if (parser->allocate(capacity, limits::payload_depth_max) != simdjson::SUCCESS) throw std::bad_alloc();
    }
    return parser;
  }

  void give_back(std::unique_ptr<Parser> parser) {
    if (parser->capacity() > parser_bytes_kept_max) return;
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(parser));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Parser>> idle_;  ///< guarded by mutex_
};

/// Of a payload that was read.
bool is_object(std::string_view payload) {
  return payload.front() == '{' || payload[payload.find_first_not_of(" \t\r\n")] == '{';
}

class JsonParser : public PayloadParser {
 public:
  JsonParser(const std::vector<const Projector*>& projectors, PayloadFormat format)
      : projectors_(projectors), tree_(compile_paths(projectors)), format_(format) {}

  [[nodiscard]] ParsedPage parse(const Page& page) const override {
    ParsedPage parsed;
    auto texts = std::make_shared<std::pmr::monotonic_buffer_resource>();
    std::size_t bytes_max = 0;
    std::uint32_t rows = 0;
    TypeAnswers wanted(page.types);
    const auto handled = [this](std::string_view type) {
      return std::ranges::any_of(projectors_, [&](const Projector* one) { return one->handles(type); });
    };
    parsed.row.resize(page.events.size(), ParsedPage::not_parsed);
    for (std::size_t i = 0; i < page.events.size(); ++i) {
      if (!wanted(page.events[i].type_number, handled)) continue;
      parsed.row[i] = rows++;
      bytes_max = std::max(bytes_max, page.events[i].payload.size());
    }
    parsed.values.resize(rows * tree_.values);
    parsed.elements.resize(rows * tree_.patterns.size());
    if (rows > 0) read_payloads(page, bytes_max, *texts, parsed);
    for (const Page::Unread& unread : page.unread) {
      parsed.errors.resize(page.events.size());
      parsed.errors[unread.event] = unread.why;
    }
    parsed.texts = std::move(texts);
    return parsed;
  }

  [[nodiscard]] std::size_t values_per_event() const override { return tree_.values; }
  [[nodiscard]] std::size_t elements_per_event() const override { return tree_.patterns.size(); }
  [[nodiscard]] std::size_t values_offset(std::size_t projector) const override {
    return tree_.value_offsets.at(projector);
  }
  [[nodiscard]] std::size_t elements_offset(std::size_t projector) const override {
    return tree_.element_offsets.at(projector);
  }

 private:
  void read_payloads(const Page& page, std::size_t bytes_max, std::pmr::memory_resource& texts,
                     ParsedPage& parsed) const {
    std::unique_ptr<Parser> parser = pool_.take(bytes_max);
    PayloadWalker walker(tree_, format_, texts, *parser);
    // Nothing can be found in it: of most events whose payload nobody reads, the reader brings just that.
    const bool skips_empty = !tree_.nodes.front().is_wanted();
    for (std::size_t i = 0; i < page.events.size(); ++i) {
      if (parsed.row[i] == ParsedPage::not_parsed) continue;
      if (skips_empty && page.events[i].payload == "{}") continue;
      Json* values = parsed.values.data() + parsed.row[i] * tree_.values;
      std::vector<Element>* elements = parsed.elements.data() + parsed.row[i] * tree_.patterns.size();
      std::optional<std::string> error = walker.read(page.events[i].payload, values, elements);
      if (!error) {
        if (!is_object(page.events[i].payload)) parsed.not_objects.push_back(static_cast<std::uint32_t>(i));
        continue;
      }
      parsed.errors.resize(page.events.size());
      parsed.errors[i] = std::move(error);
    }
    pool_.give_back(std::move(parser));
  }

  const std::vector<const Projector*> projectors_;
  const PathTree tree_;
  const PayloadFormat format_;
  mutable ParserPool pool_;
};

}  // namespace

std::unique_ptr<PayloadParser> make_json_parser(const std::vector<const Projector*>& projectors, PayloadFormat format) {
  return std::make_unique<JsonParser>(projectors, format);
}

}  // namespace rebuild_projection

#pragma once

#include <simdjson.h>

#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/event.h"
#include "stages/parse/json_parser.h"
#include "stages/parse/path_tree.h"
#include "stages/parse/row_writer.h"
#include "stages/parse/validation.h"

namespace rebuild_projection {

/// Walks over payloads, one after the other, and puts what a PathTree wants into rows of a ParsedPage.
/// Not thread-safe; made once per page. Keeps references to all that it is made with.
class PayloadWalker {
 public:
  /// `texts` owns what has to be unescaped, and the matches of patterns; it lives as long as the page.
  PayloadWalker(const PathTree& tree, PayloadFormat format, std::pmr::memory_resource& texts,
                simdjson::ondemand::parser& parser);

  /// Reads one payload, which has SIMDJSON_PADDING readable bytes behind it. `values` and `elements` are the event's
  /// row, in its first state, and stay so if the payload cannot be read. The result says why it cannot.
  std::optional<std::string> read(std::string_view payload, Json* values, std::vector<Element>* elements);

 private:
  using Object = simdjson::ondemand::object;
  using Array = simdjson::ondemand::array;
  using Value = simdjson::ondemand::value;
  using Node = PathTree::Node;

  /// Where a member of an object leads.
  struct Member {
    std::uint32_t node = PathTree::none;
    std::size_t child = 0;  ///< index in Node::children, or their number
    std::string_view key;   ///< set where it leads somewhere
  };
  /// A member's key as it is written and as it reads.
  struct Key {
    std::string_view text;
    bool escaped = false;
    const char* problem = nullptr;
  };
  // Each of these returns false when the walk over the payload has ended early: then error_ is set, or repeated_key_.
  bool walk();
  bool root_container(std::string_view document);
  bool object(Object& members, const Node& node);
  bool object_once_per_key(Object& members, const Node& node);
  bool array(Array& elements, const Node& node);
  bool visit(Value& value, const Node& node);
  bool container(Value& value, const Node& node, bool is_object);
  bool scalar(std::string_view token, const Node& node);
  bool string(std::string_view token, const Node& node);
  bool find(const char* raw_key, const Node& node, Member& member);
  bool find_slowly(const char* raw_key, const Node& node, Member& member);
  bool last_of_each_key(Object& members, std::vector<bool>& last);
  bool fail(const std::string& what, const char* at);
  bool fail(simdjson::error_code code);

  std::optional<std::string> unreadable(std::string_view payload);
  bool read_key(const char* raw_key, Key& key);

  const PathTree& tree_;
  const PayloadFormat format_;
  simdjson::ondemand::parser& parser_;
  Validator validator_;
  RowWriter row_;

  // The payload at hand.
  std::string_view payload_;
  bool has_backslash_ = false;
  bool careful_ = false;       ///< a key stood twice: look for the last one in every object
  bool repeated_key_ = false;  ///< a key stands twice, and the walk is not careful
  std::string error_;
};

}  // namespace rebuild_projection

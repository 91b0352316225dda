#include "stages/parse/payload_walker.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>

#include "stages/parse/unescape.h"

namespace rebuild_projection {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; };
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

/// Children whose presence fits into one word, see PayloadWalker::object().
constexpr std::size_t seen_bits = 64;

}  // namespace

PayloadWalker::PayloadWalker(const PathTree& tree, PayloadFormat format, std::pmr::memory_resource& texts,
                             simdjson::ondemand::parser& parser)
    : tree_(tree), format_(format), parser_(parser), row_(tree, texts) {}

std::optional<std::string> PayloadWalker::read(std::string_view payload, Json* values, std::vector<Element>* elements) {
  payload_ = payload;
  row_.begin(values, elements);
  error_.clear();
  if (std::optional<std::string> why = unreadable(payload)) return why;
  has_backslash_ = std::memchr(payload.data(), '\\', payload.size()) != nullptr;
  careful_ = false;
  repeated_key_ = false;
  if (walk()) return std::nullopt;
  row_.clear();
  if (repeated_key_) {
    careful_ = true;
    if (walk()) return std::nullopt;
    row_.clear();
  }
  return std::move(error_);
}

/// What can be said against the payload as a whole. simdjson checks UTF-8 where it reads an object or array.
std::optional<std::string> PayloadWalker::unreadable(std::string_view payload) {
  const auto near = [](std::size_t offset) { return " near byte " + std::to_string(offset + 1); };
  const std::string_view document = trimmed(payload);
  if (document.empty()) return "payload is not valid JSON: it is empty";
  if (format_ == PayloadFormat::text) {
    if (const auto malformed = validator_.check(payload)) {
      const std::string format(known_format(payload));
      return std::string("payload is not valid JSON: ") + malformed->what + near(malformed->offset) +
             (format.empty() ? "" : "; it begins as " + format);
    }
  }
  const bool scanned = tree_.nodes.front().leads_on() && (document.front() == '{' || document.front() == '[');
  if (!scanned && !simdjson::validate_utf8(payload.data(), payload.size()))
    return "payload is not valid UTF-8" + near(find_bad_utf8(payload).value_or(0));
  return std::nullopt;
}

bool PayloadWalker::walk() {
  const Node& root = tree_.nodes.front();
  const std::string_view document = trimmed(payload_);
  const bool is_container = document.front() == '{' || document.front() == '[';
  row_.begin_matches(root);
  if (root.is_wanted() && !is_container) return scalar(document, root);
  if (root.is_wanted()) row_.put(root, document.front() == '{' ? Json::Kind::object : Json::Kind::array, document);
  return !is_container || !root.leads_on() || root_container(document);
}

bool PayloadWalker::root_container(std::string_view text) {
  simdjson::ondemand::document document;
  const simdjson::padded_string_view padded(payload_.data(), payload_.size(),
                                            payload_.size() + simdjson::SIMDJSON_PADDING);
  if (const auto code = parser_.iterate(padded).get(document)) return fail(code);
  if (text.front() == '{') {
    Object members;
    if (const auto code = document.get_object().get(members)) return fail(code);
    return object(members, tree_.nodes.front());
  }
  Array elements;
  if (const auto code = document.get_array().get(elements)) return fail(code);
  return array(elements, tree_.nodes.front());
}

bool PayloadWalker::object(Object& members, const Node& node) {
  const bool unique_keys = format_ == PayloadFormat::jsonb;
  if (!unique_keys && (careful_ || node.any != PathTree::none || node.children.size() > seen_bits))
    return object_once_per_key(members, node);
  std::size_t missing = node.any == PathTree::none ? node.children.size() : SIZE_MAX;
  std::uint64_t seen = 0;
  for (auto result : members) {
    if (result.error()) return fail(result.error());
    auto&& field = std::move(result).value_unsafe();
    Member member;
    if (!find(field.key().raw(), node, member)) return false;
    if (member.node == PathTree::none) continue;
    if (!unique_keys) {
      const std::uint64_t bit = std::uint64_t{1} << member.child;
      if ((seen & bit) != 0) {
        repeated_key_ = true;
        return false;
      }
      seen |= bit;
    }
    row_.step(node, member.key);
    if (!visit(field.value(), tree_.nodes[member.node])) return false;
    if (unique_keys && --missing == 0) break;
  }
  return true;
}

/// As jsonb reads an object: of members with the same key only the last one is there.
bool PayloadWalker::object_once_per_key(Object& members, const Node& node) {
  std::vector<bool> last;
  if (!last_of_each_key(members, last)) return false;
  if (const auto code = members.reset().error()) return fail(code);
  std::size_t number = 0;
  for (auto result : members) {
    if (result.error()) return fail(result.error());
    auto&& field = std::move(result).value_unsafe();
    if (!last[number++]) continue;
    Member member;
    if (!find(field.key().raw(), node, member)) return false;
    if (member.node == PathTree::none) continue;
    row_.step(node, member.key);
    if (!visit(field.value(), tree_.nodes[member.node])) return false;
  }
  return true;
}

bool PayloadWalker::last_of_each_key(Object& members, std::vector<bool>& last) {
  std::vector<std::pair<bool, std::string_view>> keys;  // one that cannot be read equals none that can
  for (auto result : members) {
    if (result.error()) return fail(result.error());
    auto&& field = std::move(result).value_unsafe();
    Key key;
    if (!read_key(field.key().raw(), key)) return false;
    keys.emplace_back(key.problem != nullptr, key.text);
  }
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t left, std::size_t right) {
    return keys[left] != keys[right] ? keys[left] < keys[right] : left < right;
  });
  last.assign(keys.size(), true);
  for (std::size_t i = 1; i < order.size(); ++i)
    if (keys[order[i - 1]] == keys[order[i]]) last[order[i - 1]] = false;
  return true;
}

bool PayloadWalker::array(Array& elements, const Node& node) {
  if (node.indexes_end == 0) return true;
  std::uint64_t index = 0;
  for (auto result : elements) {
    if (result.error()) return fail(result.error());
    auto&& value = std::move(result).value_unsafe();
    std::uint32_t next = node.any;
    for (const PathTree::Child& child : node.children)
      if (child.index == index) next = child.node;
    if (next != PathTree::none) {
      row_.step(node, index);
      if (!visit(value, tree_.nodes[next])) return false;
    }
    if (++index == node.indexes_end) break;
  }
  return true;
}

bool PayloadWalker::visit(Value& value, const Node& node) {
  row_.begin_matches(node);
  if (!node.is_wanted() && !node.leads_on()) return true;
  const std::string_view token = value.raw_json_token();
  if (token.front() == '{' || token.front() == '[') return container(value, node, token.front() == '{');
  if (!node.is_wanted()) return true;
  return scalar(trimmed(token), node);
}

bool PayloadWalker::container(Value& value, const Node& node, bool is_object) {
  const auto go = [&](auto& inside, Json::Kind kind) {
    if (!node.is_wanted()) return true;
    std::string_view raw;
    if (const auto code = inside.raw_json().get(raw)) return fail(code);
    row_.put(node, kind, trimmed(raw));
    if (!node.leads_on()) return true;
    if (const auto code = inside.reset().error()) return fail(code);
    return true;
  };
  if (is_object) {
    Object members;
    if (const auto code = value.get_object().get(members)) return fail(code);
    if (!go(members, Json::Kind::object)) return false;
    return !node.leads_on() || object(members, node);
  }
  Array elements;
  if (const auto code = value.get_array().get(elements)) return fail(code);
  if (!go(elements, Json::Kind::array)) return false;
  return !node.leads_on() || array(elements, node);
}

bool PayloadWalker::scalar(std::string_view token, const Node& node) {
  const char first = token.front();
  if (first == '"') return string(token, node);
  if (first == 't' || first == 'f') {
    row_.put(node, Json::Kind::boolean, token);
  } else if (first == 'n') {
    row_.put(node, Json::Kind::null, {});
  } else if (first == '-' || (first >= '0' && first <= '9')) {
    row_.put(node, Json::Kind::number, token);
  } else {
    return fail("unexpected character", token.data());
  }
  return true;
}

bool PayloadWalker::string(std::string_view token, const Node& node) {
  if (token.size() < 2 || token.back() != '"') return fail("unexpected end of a string", token.data());
  const std::string_view raw = token.substr(1, token.size() - 2);
  if (!has_backslash_ || std::memchr(raw.data(), '\\', raw.size()) == nullptr) {
    row_.put(node, Json::Kind::string, raw);
    return true;
  }
  const Unescaped unescaped = unescape(raw, row_.text_of(raw.size()));
  if (unescaped.problem != nullptr) {
    row_.put(node, Json::Kind::invalid, unescaped.problem);
  } else {
    row_.put(node, Json::Kind::string, unescaped.text);
  }
  return true;
}

/// Finds where the member with this key leads. A key that is written without escapes is compared as it stands.
bool PayloadWalker::find(const char* raw_key, const Node& node, Member& member) {
  const auto left = static_cast<std::size_t>(payload_.data() + payload_.size() - raw_key);
  std::uint64_t head = 0;
  std::memcpy(&head, raw_key, sizeof head);  // there is padding behind every payload
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const PathTree::Child& child = node.children[i];
    if ((head & child.head_mask) != child.head) continue;
    const std::size_t size = child.key.size();
    const bool told_by_head = size < sizeof head;  // with its quote
    if (size < left && (told_by_head || (raw_key[size] == '"' && std::memcmp(raw_key, child.key.data(), size) == 0))) {
      member = {child.node, i, {raw_key, size}};
      return true;
    }
  }
  return (!has_backslash_ && node.any == PathTree::none) || find_slowly(raw_key, node, member);
}

bool PayloadWalker::find_slowly(const char* raw_key, const Node& node, Member& member) {
  Key key;
  if (!read_key(raw_key, key)) return false;
  if (key.escaped && key.problem == nullptr) {
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      if (node.children[i].key == key.text) {
        member = {node.children[i].node, i, key.text};
        return true;
      }
    }
  }
  if (node.any == PathTree::none) return true;
  if (key.problem != nullptr) return fail("a member's name cannot be read", raw_key);
  member = {node.any, node.children.size(), key.text};
  return true;
}

/// A key with a problem equals no path; its text is what stands in the payload.
bool PayloadWalker::read_key(const char* raw_key, Key& key) {
  const char* end = payload_.data() + payload_.size();
  const char* at = raw_key;
  while (at != end && *at != '"') {
    if (*at != '\\') {
      ++at;
      continue;
    }
    key.escaped = true;
    at += end - at > 1 ? 2 : 1;
  }
  if (at == end) return fail("unexpected end of a member's name", raw_key);
  key.text = {raw_key, static_cast<std::size_t>(at - raw_key)};
  if (!key.escaped) return true;
  const Unescaped unescaped = unescape(key.text, row_.text_of(key.text.size()));
  key.problem = unescaped.problem;
  if (unescaped.problem == nullptr) key.text = unescaped.text;
  return true;
}

bool PayloadWalker::fail(const std::string& what, const char* at) {
  error_ = "payload is not valid JSON: " + what + " near byte " + std::to_string(at - payload_.data() + 1);
  return false;
}

bool PayloadWalker::fail(simdjson::error_code code) {
  if (code == simdjson::MEMALLOC) throw std::bad_alloc();
  if (code == simdjson::UTF8_ERROR) {
    error_ = "payload is not valid UTF-8 near byte " + std::to_string(find_bad_utf8(payload_).value_or(0) + 1);
    return false;
  }
  // The server has checked this text, or the validator has: only now it is worth a second look to find the place.
  if (const auto malformed = validator_.check(payload_))
    return fail(malformed->what, payload_.data() + malformed->offset);
  error_ = std::string("payload is not valid JSON: ") + simdjson::error_message(code);
  return false;
}

}  // namespace rebuild_projection

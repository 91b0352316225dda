#include "stages/read/payload_selection.h"

#include <algorithm>
#include <optional>
#include <set>

#include "pipeline/callback.h"
#include "pipeline/json_pointer.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

namespace {

/// The member of the document that a JSON Pointer leads into; nullopt where it is no single one.
std::optional<std::string> first_member(const std::string& path) {
  const auto tokens = pointer_tokens(path);
  if (!tokens || tokens->empty()) return std::nullopt;
  if (tokens->front() == "*") return std::nullopt;  // a wildcard; or a member of that name, which is as well read whole
  return tokens->front();
}

std::string as_json(std::string_view key) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (byte < 0x20) {
      json += "\\u00";
      json += digits[byte >> 4U];
      json += digits[byte & 15U];
    } else {
      json += c;
    }
  }
  return json + '"';
}

/// What of a payload is sent in place of its members where it has none. Nothing in it is read, but that an array may
/// have elements; of a string the beginning says what it seems to hold.
std::string if_no_object(const std::string& payload, bool indexes) {
  return "CASE jsonb_typeof(" + payload + ") WHEN 'object' THEN NULL WHEN 'string' THEN to_jsonb(left(" + payload +
         " #>> '{}', 16)) WHEN 'array' THEN " + (indexes ? payload : "'[]'") + " ELSE coalesce(" + payload +
         ", 'null') END";
}

}  // namespace

PayloadSelection::PayloadSelection(const std::vector<const Projector*>& projectors, Documents documents)
    : everything_(false), sends_documents_(false) {
  std::set<std::string> types;
  for (const Projector* projector : projectors)
    for (std::string& type : projector->event_types()) types.insert(std::move(type));
  for (const std::string& type : types) by_type_.emplace(type, wanted(projectors, type, documents));
  // A type that no projector names: those that handle every type handle it.
  std::vector<const Projector*> of_every_type;
  for (const Projector* projector : projectors)
    if (projector->handles_every_type()) of_every_type.push_back(projector);
  if (!of_every_type.empty()) {
    std::string other = "other";  // any name that nobody names
    while (types.contains(other)) other += '_';
    of_other_types_ = wanted(of_every_type, other, documents);
  }
  count(of_other_types_);
  for (const auto& [type, of_type] : by_type_) count(of_type);
}

void PayloadSelection::count(const Wanted& wanted) {
  sends_documents_ = sends_documents_ || wanted.whole || !wanted.keys.empty();
  most_members_ = std::max(most_members_, wanted.keys.size());
}

PayloadSelection::Wanted PayloadSelection::wanted(const std::vector<const Projector*>& projectors,
                                                  std::string_view type, Documents documents) {
  Wanted wanted;
  std::set<std::string> keys;
  for (const Projector* projector : projectors) {
    if (!projector->handles(type)) continue;
    const std::vector<std::string> paths =
        call_back("projection " + projector->name() + ", paths_read()", [&] { return projector->paths_read(type); });
    if (documents == Documents::checked || (documents == Documents::read && !paths.empty())) wanted.whole = true;
    for (const std::string& path : paths) {
      wanted.root = wanted.root || path.empty();
      if (auto key = first_member(path))
        keys.insert(std::move(*key));
      else
        wanted.whole = true;
    }
  }
  if (wanted.whole) return wanted;
  for (const std::string& key : keys) {
    wanted.keys.push_back(key);
    wanted.prefixes.push_back(as_json(key) + ":");
    wanted.indexes = wanted.indexes || array_index(key);
  }
  return wanted;
}

std::vector<std::string> PayloadSelection::columns(const std::string& type, const std::string& payload) const {
  if (everything_) return {payload};
  // Types are compared byte by byte, as the projectors do.
  const std::string begin = "CASE " + type + "::text COLLATE \"C\"";
  const auto choose = [&](const auto& value) {
    std::string cases;
    for (const auto& [name, of_type] : by_type_)
      if (const std::string one = value(of_type); one != value(of_other_types_))
        cases += " WHEN " + literal(name) + " THEN " + (one.empty() ? "NULL" : one);
    const std::string other = value(of_other_types_);
    if (cases.empty()) return other.empty() ? "NULL" : other;
    return begin + cases + (other.empty() ? "" : " ELSE " + other) + " END";
  };
  std::vector<std::string> result;
  if (sends_documents())
    result.push_back(choose([&](const Wanted& wanted) -> std::string {
      // NULL is an empty object to whoever reads all of it. To others it is no object, which they want to know.
      if (wanted.whole) return wanted.root ? payload : "coalesce(" + payload + ", 'null')";
      return wanted.keys.empty() ? "" : if_no_object(payload, wanted.indexes);
    }));
  if (sends_members())
    result.push_back(choose([&](const Wanted& wanted) -> std::string {
      std::string list;
      for (const std::string& key : wanted.keys) list += (list.empty() ? "" : ", ") + payload + " -> " + literal(key);
      return list.empty() ? "" : "ARRAY[" + list + "]";
    }));
  return result;
}

const std::vector<std::string>& PayloadSelection::members(std::string_view type) const {
  const auto found = by_type_.find(type);
  return found == by_type_.end() ? of_other_types_.prefixes : found->second.prefixes;
}

}  // namespace rebuild_projection

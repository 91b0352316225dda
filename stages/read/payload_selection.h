#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/projector.h"

namespace rebuild_projection {

/// What of the events' payloads is asked of the server: of which event types, and whole or only the members that
/// projectors read. A member arrives as its JSON text, all those of an event in one array, and they are put together to
/// a document that holds them and nothing else: for every path that a projector reads the value is the same, missing
/// and null among them.
/// Immutable; any thread.
class PayloadSelection {
 public:
  /// Every payload, whole.
  PayloadSelection() = default;
  enum class Documents : std::uint8_t {
    checked,  ///< of every event that a projector handles, since what no path reads may be malformed too
    read,     ///< where a path leads into them
    slim,     ///< their members, where the paths of a type allow it: a store of jsonb, with the event's type as a text
  };
  /// What `projectors` read.
  PayloadSelection(const std::vector<const Projector*>& projectors, Documents documents);

  /// SQL of the whole document and of the array of members, each NULL for events of which it is not asked, and left out
  /// where it always would be. `type` and `payload` are SQL of the event's columns.
  [[nodiscard]] std::vector<std::string> columns(const std::string& type, const std::string& payload) const;
  [[nodiscard]] bool sends_documents() const { return sends_documents_; }
  [[nodiscard]] bool sends_members() const { return most_members_ > 0; }
  /// Members of one event, at the most.
  [[nodiscard]] std::size_t most_members() const { return most_members_; }
  /// What stands before each member of the array, `"key":`, for an event of this type.
  [[nodiscard]] const std::vector<std::string>& members(std::string_view type) const;

 private:
  struct Wanted {
    bool whole = false;
    bool root = false;                       ///< all of it is a value
    bool indexes = false;                    ///< one of the keys is also the index of an array's element
    std::vector<std::string> keys = {};      ///< of members
    std::vector<std::string> prefixes = {};  ///< the keys as JSON, with a colon
  };
  void count(const Wanted& wanted);
  static Wanted wanted(const std::vector<const Projector*>& projectors, std::string_view type, Documents documents);

  bool everything_ = true;
  std::map<std::string, Wanted, std::less<>> by_type_;
  Wanted of_other_types_;
  bool sends_documents_ = true;
  std::size_t most_members_ = 0;
};

}  // namespace rebuild_projection

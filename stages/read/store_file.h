#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace rebuild_projection {

/// An event store's description (stages/read/README.md): which columns of which relation mean what. Names are exact, as
/// in the catalogue; they are quoted before they reach SQL. `from` as a subquery and `horizon` are SQL of the file's
/// author.
struct StoreFile {
  std::filesystem::path path;
  std::string name;
  std::string about;  ///< for --list-stores, one line
  std::string from;   ///< "table", "schema.table", or "(select …)" with schema-qualified names
  int from_line = 0;
  std::vector<std::string> order;  ///< together unique
  bool per_stream = false;  ///< the order is each stream's own: it says nothing about events of different streams
  std::string event_id;     ///< empty: an event goes by its position
  std::string ts;           ///< empty: the store has no timestamp
  std::string type;
  std::string stream_id;  ///< empty: none
  std::string payload;
  std::string metadata;  ///< empty: none
  std::string horizon;   ///< SQL condition on events that no running transaction can still precede; empty: none

  [[nodiscard]] bool is_subquery() const { return from.starts_with('('); }
  /// "file:line: " of a key, for messages.
  [[nodiscard]] std::string at(const std::string& key) const;
  std::vector<std::pair<std::string, int>> lines;
};

/// Reads a store file. Throws UsageError with every mistake in it, one a line, each with file and line; Cancelled on a
/// stop.
StoreFile read_store_file(const std::filesystem::path& path, const std::stop_token& stop = {});
/// The same for a text; `path` is for messages.
StoreFile read_store_text(const std::filesystem::path& path, std::string_view toml);

}  // namespace rebuild_projection

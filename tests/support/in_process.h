#pragma once

#include <map>
#include <string>
#include <vector>

#include "stages/rebuild.h"
#include "tests/support/database.h"
#include "tests/support/program.h"

namespace rebuild_projection::test {

/// rebuild() called in this process, which is faster than starting the program: the store is `event_store` unless
/// write_store() says otherwise. The database outlives it.
class InProcess {
 public:
  explicit InProcess(Database& database);

  /// A projection file, in place of an earlier one of that name: the text is everything but the name.
  void write_projection(const std::string& name, const std::string& toml);
  /// The lines of the default store file with some keys replaced; a value is TOML.
  void write_store(const std::map<std::string, std::string>& keys);

  /// APPLY with `options`, which are all projections, stop at the first error, batches of 200.
  Report apply();
  /// The UsageError of apply(); "" where it was not refused.
  std::string refusal();
  /// Event ids of the projection's dead letters, sorted.
  std::vector<std::string> dead_letters(const std::string& projection);

  Options options;

 private:
  Database& database_;
  std::map<std::string, std::string> files_;  ///< by the projections' names
  Folder projections_;
  Folder stores_;
};

/// A text in TOML's quotes.
std::string toml_text(const std::string& text);

}  // namespace rebuild_projection::test

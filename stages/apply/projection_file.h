#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/projector.h"
#include "stages/postgres/catalogue.h"

namespace rebuild_projection {

/// A projection file (stages/apply/README.md) that was read and checked as far as it can be without a database.
class ProjectionFile {
 public:
  struct Content;  ///< the rules, each with its line

  explicit ProjectionFile(std::shared_ptr<const Content> content);
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::string& table() const;  ///< as written: "t" or "schema.t"
  [[nodiscard]] const std::filesystem::path& path() const;
  [[nodiscard]] int table_line() const;
  [[nodiscard]] int version() const;

  /// A place that reads an attribute of the event.
  struct AttributeUse {
    std::string written;  ///< "@metadata"
    int line = 1;
  };
  [[nodiscard]] std::vector<AttributeUse> attributes() const;

  /// Checks the file against its table and makes the projector. Every mistake found is added to `mistakes` as
  /// "file:line: sentence"; then the result is null. It does not refer to this or to `table` afterwards.
  [[nodiscard]] std::unique_ptr<Projector> bind(const CatalogueTable& table, std::vector<std::string>& mistakes) const;

 private:
  std::shared_ptr<const Content> content_;
};

/// The projection files of a directory, in the order of their file names.
struct ProjectionFiles {
  struct Mistaken {
    std::string name;                   ///< the projection's; empty where it cannot be read
    std::vector<std::string> mistakes;  ///< "file:line: sentence"
  };
  std::vector<ProjectionFile> good;
  std::vector<Mistaken> mistaken;
};

/// Reads every *.toml of a directory, and finds every mistake in every file: TOML syntax, unknown or missing keys,
/// wrong kinds, bad pointers, two files of one name. Throws UsageError if the directory cannot be read, Cancelled on a
/// stop.
ProjectionFiles read_projection_files(const std::filesystem::path& directory, const std::stop_token& stop = {});

/// One file's text; `path` is for messages. Mistakes are added, and the result is empty then.
std::vector<ProjectionFile> read_projection_text(const std::filesystem::path& path, std::string_view toml,
                                                 std::vector<std::string>& mistakes);

}  // namespace rebuild_projection

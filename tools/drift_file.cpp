#include "tools/drift_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "pipeline/error.h"
#include "tools/terminal_text.h"

namespace rebuild_projection {

namespace {

std::string cannot(const std::filesystem::path& path, int error) {
  return "--drift-file: " + printable(path.string()) + " cannot be written: " + std::generic_category().message(error) +
         '.';
}

std::string json_value(const Drift::Text& text) {
  return text ? json_quoted(*text) : "null";
}

std::string json_object(const std::vector<std::string>& names, const std::vector<Drift::Text>& values) {
  std::string result;
  for (std::size_t i = 0; i < values.size(); ++i)
    result += (i == 0 ? "" : ", ") + json_quoted(names[i]) + ": " + json_value(values[i]);
  return "{" + result + "}";
}

}  // namespace

std::string drift_line(const std::string& projection, const std::string& table, const Comparison& comparison,
                       const Drift& drift) {
  std::string result = "{\"projection\": " + json_quoted(projection) + ", \"table\": " + json_quoted(table) +
                       ", \"drift\": \"" + std::string(name_of(drift.kind)) +
                       "\", \"key\": " + json_object(comparison.key, drift.key);
  if (drift.kind == Drift::Kind::different) {
    std::string columns;
    for (const std::string& column : drift.columns) columns += (columns.empty() ? "" : ", ") + json_quoted(column);
    result += ", \"columns\": [" + columns + "]";
  }
  if (!drift.expected.empty()) result += ", \"expected\": " + json_object(drift.columns, drift.expected);
  if (!drift.live.empty()) result += ", \"live\": " + json_object(drift.columns, drift.live);
  return result + "}\n";
}

namespace {

/// Without waiting for who reads a pipe: no signal would end that.
std::FILE* open_at_once(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  ::fcntl(descriptor, F_SETFL, O_WRONLY);
  return ::fdopen(descriptor, "w");
}

}  // namespace

DriftFile::DriftFile(const std::filesystem::path& path) {
  std::error_code error;
  path_ = std::filesystem::weakly_canonical(path, error);
  if (error) throw UsageError(cannot(path, error.value()));
  const auto status = std::filesystem::status(path_, error);
  if (std::filesystem::is_directory(status)) throw UsageError(cannot(path, EISDIR));
  const bool replaces = !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
  if (replaces) {
    temporary_ = path_;
    temporary_ += "." + std::to_string(::getpid()) + ".tmp";
  }
  file_.reset(replaces ? std::fopen(temporary_.c_str(), "wxe") : open_at_once(path_));
  if (!file_) throw UsageError(cannot(path, errno));
}

DriftFile::~DriftFile() {
  if (file_ && !temporary_.empty()) ::unlink(temporary_.c_str());
}

void DriftFile::fail(int error) const {
  throw RunError(cannot(path_, error));
}

void DriftFile::write(std::string_view line) {
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size()) fail(errno);
}

void DriftFile::finish() {
  const bool replaces = !temporary_.empty();
  if (std::fflush(file_.get()) != 0 || (replaces && ::fsync(::fileno(file_.get())) != 0)) fail(errno);
  if (replaces && std::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
  file_.reset();
}

}  // namespace rebuild_projection

#include "stages/read/store_file.h"

#include <toml++/toml.h>
#include <algorithm>
#include <array>

#include "pipeline/error.h"
#include "pipeline/file_text.h"

namespace rebuild_projection {

namespace {

constexpr std::array<std::string_view, 12> known_keys{"name", "about", "from",      "order",   "per_stream", "event_id",
                                                      "ts",   "type",  "stream_id", "payload", "metadata",   "horizon"};

class Reader {
 public:
  Reader(const std::filesystem::path& path, const toml::table& table) : table_(table) { file_.path = path; }

  StoreFile read() {
    for (const auto& [key, node] : table_) {
      const std::string name(key.str());
      const int line = static_cast<int>(node.source().begin.line);
      file_.lines.emplace_back(name, line);
      if (std::find(known_keys.begin(), known_keys.end(), name) == known_keys.end())
        mistake(line, "unknown key \"" + name +
                          "\"; a store file has name, about, from, order, per_stream, event_id, ts, type, "
                          "stream_id, payload, metadata and horizon");
    }
    file_.name = text("name", file_.path.stem().string());
    file_.from = text("from", std::nullopt);
    file_.type = text("type", std::nullopt);
    file_.payload = text("payload", std::nullopt);
    file_.about = text("about", "");
    file_.event_id = text("event_id", "");
    file_.ts = text("ts", "");
    file_.stream_id = text("stream_id", "");
    file_.metadata = text("metadata", "");
    file_.horizon = text("horizon", "");
    read_order();
    read_per_stream();
    if (!mistakes_.empty()) throw UsageError(mistakes_.substr(0, mistakes_.size() - 1));
    return std::move(file_);
  }

 private:
  std::string text(const char* key, const std::optional<std::string>& fallback) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) {
      if (!fallback) mistake(1, std::string("\"") + key + "\" is missing");
      return fallback.value_or("");
    }
    const int line = static_cast<int>(node->source().begin.line);
    const auto value = node->value<std::string>();
    if (!value || !node->is_string()) {
      mistake(line, std::string("\"") + key + "\" must be a text");
      return "";
    }
    if (value->empty() && !fallback) mistake(line, std::string("\"") + key + "\" must not be empty");
    return *value;
  }

  void read_order() {
    const toml::node* node = table_.get("order");
    if (node == nullptr)
      return mistake(1, "\"order\" is missing: name the columns that order the events, the last one unique");
    const int line = static_cast<int>(node->source().begin.line);
    const toml::array* columns = node->as_array();
    if (columns == nullptr || columns->empty()) return mistake(line, "\"order\" must be a list of column names");
    for (const toml::node& column : *columns) {
      const auto name = column.value<std::string>();
      if (!name || name->empty()) return mistake(line, "\"order\" must be a list of column names");
      file_.order.push_back(*name);
    }
  }

  void read_per_stream() {
    const toml::node* node = table_.get("per_stream");
    if (node == nullptr) return;
    if (!node->is_boolean())
      return mistake(static_cast<int>(node->source().begin.line), "\"per_stream\" must be true or false");
    file_.per_stream = node->value_or(false);
  }

  void mistake(int line, const std::string& sentence) {
    mistakes_ += file_.path.string() + ":" + std::to_string(line) + ": " + sentence + "\n";
  }

  const toml::table& table_;
  StoreFile file_;
  std::string mistakes_;
};

}  // namespace

std::string StoreFile::at(const std::string& key) const {
  const auto found = std::find_if(lines.begin(), lines.end(), [&](const auto& line) { return line.first == key; });
  return path.string() + ":" + std::to_string(found == lines.end() ? 1 : found->second) + ": ";
}

StoreFile read_store_text(const std::filesystem::path& path, std::string_view toml) {
  try {
    const toml::table table = toml::parse(toml, path.string());
    return Reader(path, table).read();
  } catch (const toml::parse_error& error) {
    throw UsageError(path.string() + ":" + std::to_string(error.source().begin.line) +
                     ": not TOML: " + std::string(error.description()));
  }
}

StoreFile read_store_file(const std::filesystem::path& path, const std::stop_token& stop) {
  const auto text = text_of_file(path, stop);
  if (!text)
    throw UsageError("cannot read the store file " + path.string() + "; --store takes a preset's name or a file");
  return read_store_text(path, *text);
}

}  // namespace rebuild_projection

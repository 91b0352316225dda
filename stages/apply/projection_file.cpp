#include "stages/apply/projection_file.h"

#include <algorithm>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "pipeline/error.h"
#include "pipeline/file_text.h"
#include "stages/apply/binding.h"
#include "stages/apply/file_projector.h"
#include "stages/apply/mistakes.h"
#include "stages/apply/rule_reader.h"
#include "stages/apply/rules.h"
#include "stages/apply/spelling.h"
#include "stages/apply/toml_document.h"

namespace rebuild_projection {
namespace {

/// A member that must be a text with something in it; empty after a mistake.
std::string required_text(const TomlNode& root, const std::string& member, const std::string& example, int& line,
                          Mistakes& mistakes) {
  const TomlNode* node = root.find(member);
  if (node == nullptr) {
    mistakes.add(1, "this file has no " + member + "; write " + example);
    return {};
  }
  line = node->line;
  if (node->kind != TomlNode::Kind::text || node->text.empty()) {
    mistakes.add(line, member + " must be a text in quotes; write " + example);
    return {};
  }
  return node->text;
}

void read_name(const TomlNode& root, ProjectionFile::Content& content, Mistakes& mistakes) {
  content.name = required_text(root, "name", "name = \"candidate_summary\"", content.name_line, mistakes);
  if (content.name.empty()) return;  // said already
  if (const std::string problem = name_problem(content.name); !problem.empty())
    mistakes.add(content.name_line, "the name " + in_quotes(content.name) + " " + problem);
}

void read_table(const TomlNode& root, ProjectionFile::Content& content, Mistakes& mistakes) {
  content.table = required_text(root, "table", "table = \"candidate_summary\"", content.table_line, mistakes);
  const std::string& table = content.table;
  if (table.empty() || table.find('"') != std::string::npos) return;
  const auto dots = std::count(table.begin(), table.end(), '.');
  if (dots > 1 || table.front() == '.' || table.back() == '.')
    mistakes.add(content.table_line, "table must be \"table\" or \"schema.table\", not " + in_quotes(table));
}

void read_key(const TomlNode& root, ProjectionFile::Content& content, Mistakes& mistakes) {
  const TomlNode* key = root.find("key");
  const std::string example = "write key = [\"candidate_id\"]";
  if (key == nullptr) {
    mistakes.add(1, "this file has no key; " + example);
    return;
  }
  content.key_line = key->line;
  if (key->kind != TomlNode::Kind::array || key->items.empty()) {
    mistakes.add(key->line, "key must be a list of one or more columns; " + example);
    return;
  }
  if (key->items.size() > key_columns_max)
    mistakes.add(key->line,
                 "key has more columns than an index of PostgreSQL holds, which is " + std::to_string(key_columns_max));
  std::vector<KeyColumn> columns;
  for (const TomlNode& item : key->items) {
    if (item.kind != TomlNode::Kind::text || item.text.empty())
      mistakes.add(item.line, "a column of key must be a name in quotes; " + example);
    else if (std::any_of(columns.begin(), columns.end(), [&](const KeyColumn& one) { return one.name == item.text; }))
      mistakes.add(item.line, "the column " + in_quotes(item.text) + " stands twice in key");
    else
      columns.push_back({item.text, item.line});
  }
  content.key = std::move(columns);
}

void read_version(const TomlNode& root, ProjectionFile::Content& content, Mistakes& mistakes) {
  const TomlNode* version = root.find("version");
  if (version == nullptr) return;
  if (version->kind != TomlNode::Kind::integer || version->integer < 1 || version->integer > INT32_MAX)
    mistakes.add(version->line, "version must be a whole number from 1 on");
  else
    content.version = static_cast<int>(version->integer);
}

void read_rules(const TomlNode& root, ProjectionFile::Content& content, Mistakes& mistakes) {
  const TomlNode* on = root.find("on");
  const bool is_list = on != nullptr && on->kind == TomlNode::Kind::array;
  if (on == nullptr || (is_list && on->items.empty())) {
    mistakes.add(on == nullptr ? 1 : on->line,
                 "this file has no rule; write [[on]] and below it event, key and what to do");
    return;
  }
  if (!is_list) {
    mistakes.add(on->line, "write [[on]] with two brackets: a file may have many of them");
    return;
  }
  for (const TomlNode& item : on->items) {
    if (item.kind == TomlNode::Kind::table)
      content.rules.push_back(read_rule(item, content.key, mistakes));
    else
      mistakes.add(item.line, "a rule must be a table that begins with [[on]], not " + std::string(name_of(item.kind)));
  }
}

/// add, min, max and append do not compose with one another, so a column has at most one of them in all rules together.
void refuse_mixed_operations(const ProjectionFile::Content& content, Mistakes& mistakes) {
  std::map<std::string, const Assignment*> first;
  for (const Rule& rule : content.rules) {
    for (const Assignment& assignment : rule.assignments) {
      if (!Operations(assignment.operation).combining()) continue;
      const auto [found, is_new] = first.emplace(assignment.column, &assignment);
      if (is_new || found->second->operation == assignment.operation) continue;
      mistakes.add(assignment.line, "the column " + in_quotes(assignment.column) + " stands under " +
                                        std::string(name_of(assignment.operation)) + " and, in line " +
                                        std::to_string(found->second->line) + ", under " +
                                        std::string(name_of(found->second->operation)) +
                                        "; a projection can use one of add, min, max and append on a column");
    }
  }
}

/// What could be read of a file, with or without mistakes.
std::shared_ptr<const ProjectionFile::Content> read_content(const std::filesystem::path& path, std::string_view toml,
                                                            std::vector<std::string>& mistakes) {
  Mistakes found(path);
  auto content = std::make_shared<ProjectionFile::Content>();
  content->path = path;
  if (const auto root = parse_toml(toml, found)) {
    refuse_unknown_keys(*root, {"name", "table", "key", "version", "on"}, "in a projection file", found);
    read_name(*root, *content, found);
    read_table(*root, *content, found);
    read_key(*root, *content, found);
    read_version(*root, *content, found);
    read_rules(*root, *content, found);
    refuse_mixed_operations(*content, found);
  }
  found.move_into(mistakes);
  return content;
}

std::vector<std::filesystem::path> toml_files_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::filesystem::path& path = entries->path();
    // As a shell's *.toml: not the hidden files that editors leave.
    if (path.extension() == ".toml" && !path.filename().string().starts_with('.')) files.push_back(path);
  }
  if (error)
    throw UsageError("The directory of projection files " + directory.string() + " cannot be read: " + error.message() +
                     ". Name it with --projections.");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

ProjectionFile::ProjectionFile(std::shared_ptr<const Content> content) : content_(std::move(content)) {}
const std::string& ProjectionFile::name() const {
  return content_->name;
}
const std::string& ProjectionFile::table() const {
  return content_->table;
}
const std::filesystem::path& ProjectionFile::path() const {
  return content_->path;
}
int ProjectionFile::version() const {
  return content_->version;
}

int ProjectionFile::table_line() const {
  return content_->table_line;
}

std::unique_ptr<Projector> ProjectionFile::bind(const CatalogueTable& table, std::vector<std::string>& mistakes) const {
  Mistakes found(content_->path);
  TableLayout layout = bind_to_table(*content_, table, found);
  if (found.empty()) return std::make_unique<FileProjector>(content_, std::move(layout));
  found.move_into(mistakes);
  return nullptr;
}

std::vector<ProjectionFile::AttributeUse> ProjectionFile::attributes() const {
  std::vector<AttributeUse> uses;
  const auto add = [&](const ValueSource& source) {
    if (source.kind == ValueSource::Kind::attribute) uses.push_back({source.written, source.line});
  };
  for (const Rule& rule : content_->rules) {
    for (const Condition& condition : rule.when) add(condition.source);
    for (const KeyPart& part : rule.key) add(part.value);
    for (const Assignment& assignment : rule.assignments) add(assignment.value);
  }
  return uses;
}

std::vector<ProjectionFile> read_projection_text(const std::filesystem::path& path, std::string_view toml,
                                                 std::vector<std::string>& mistakes) {
  std::vector<ProjectionFile> files;
  const std::size_t before = mistakes.size();
  auto content = read_content(path, toml, mistakes);
  if (mistakes.size() == before) files.emplace_back(std::move(content));
  return files;
}

ProjectionFiles read_projection_files(const std::filesystem::path& directory, const std::stop_token& stop) {
  ProjectionFiles files;
  std::map<std::string, std::string> names;  // name -> "file:line"
  for (const std::filesystem::path& path : toml_files_of(directory)) {
    const auto text = text_of_file(path, stop);
    if (!text) {
      files.mistaken.push_back({"", {path.string() + ":1: this file cannot be read; check its rights"}});
      continue;
    }
    std::vector<std::string> mistakes;
    auto content = read_content(path, *text, mistakes);
    const std::string name = content->name;
    const std::string place = path.string() + ":" + std::to_string(content->name_line);
    if (mistakes.empty())
      if (const auto [found, is_new] = names.emplace(name, place); !is_new)
        mistakes.push_back(place + ": the name " + in_quotes(name) + " is taken by " + found->second +
                           "; choose another one");
    if (mistakes.empty())
      files.good.emplace_back(std::move(content));
    else
      files.mistaken.push_back({name, std::move(mistakes)});
  }
  return files;
}

}  // namespace rebuild_projection

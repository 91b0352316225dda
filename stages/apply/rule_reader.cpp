#include "stages/apply/rule_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "stages/apply/condition_reader.h"
#include "stages/apply/spelling.h"
#include "stages/apply/value_source.h"

namespace rebuild_projection {
namespace {

constexpr std::array operations = {Operation::set, Operation::init, Operation::add,
                                   Operation::min, Operation::max,  Operation::append};

/// Reads one [[on]] entry, member by member, and goes on after a mistake.
class RuleReader {
 public:
  RuleReader(const TomlNode& node, const std::vector<KeyColumn>& key, Mistakes& mistakes)
      : node_(node), projection_key_(key), mistakes_(mistakes) {}

  Rule read() {
    rule_.line = node_.line;
    refuse_unknown_keys(
        node_, {"event", "when", "key", "set", "init", "add", "min", "max", "append", "rows", "delete", "for_each"},
        "in [[on]]", mistakes_);
    read_events();
    read_for_each();
    read_when();
    read_rows();
    read_key();
    for (const Operation operation : operations) read_assignments(operation);
    if (rule_.rows == Rule::Rows::update && !has_assignments_)
      mistakes_.add(rule_.line, "this rule does nothing: it updates existing rows but names no column");
    return std::move(rule_);
  }

 private:
  void read_events() {
    const TomlNode* event = node_.find("event");
    if (event == nullptr) {
      mistakes_.add(rule_.line, "this [[on]] has no event; write event = \"a type\", a list of types, or \"*\"");
      return;
    }
    if (event->kind == TomlNode::Kind::text && event->text == "*") {
      rule_.every_event = true;
    } else if (event->kind == TomlNode::Kind::text) {
      read_event(*event);
    } else if (event->kind != TomlNode::Kind::array) {
      mistakes_.add(event->line, "event must be a type in quotes, a list of types, or \"*\", not " +
                                     std::string(name_of(event->kind)));
    } else if (event->items.empty()) {
      mistakes_.add(event->line, "the list of event types is empty; name at least one type, or write event = \"*\"");
    } else {
      for (const TomlNode& item : event->items) read_event(item);
    }
  }

  void read_event(const TomlNode& item) {
    if (item.kind != TomlNode::Kind::text) {
      mistakes_.add(item.line, "an event type must be a text in quotes, not " + std::string(name_of(item.kind)));
    } else if (item.text.empty()) {
      mistakes_.add(item.line, "an event type is empty");
    } else if (item.text == "*") {
      mistakes_.add(item.line, "\"*\" cannot stand in a list; write event = \"*\" for every type");
    } else if (std::find(rule_.events.begin(), rule_.events.end(), item.text) != rule_.events.end()) {
      mistakes_.add(item.line, "the event type " + in_quotes(item.text) + " stands twice in one list");
    } else {
      rule_.events.push_back(item.text);
    }
  }

  void read_for_each() {
    const TomlNode* for_each = node_.find("for_each");
    if (for_each == nullptr) return;
    scope_.inside_for_each = true;
    rule_.for_each_line = for_each->line;
    rule_.for_each = read_pattern(*for_each, scope_.wildcards, mistakes_);
    // After a mistake in the pattern every @n passes: what it counts is not known.
    if (!rule_.for_each) scope_.wildcards = SIZE_MAX;
  }

  void read_when() {
    const TomlNode* when = table_of("when", "when = { \"/path\" = \"value\" }");
    if (when == nullptr) return;
    for (const TomlNode& member : when->items)
      if (auto condition = read_condition(member, scope_, mistakes_)) rule_.when.push_back(std::move(*condition));
  }

  void read_rows() {
    const TomlNode* rows = node_.find("rows");
    const TomlNode* remove = node_.find("delete");
    if (rows != nullptr) {
      rule_.rows_line = rows->key_line;
      if (rows->kind == TomlNode::Kind::text && rows->text == "update")
        rule_.rows = Rule::Rows::update;
      else if (rows->kind != TomlNode::Kind::text || rows->text != "upsert")
        mistakes_.add(rows->line, "rows must be \"upsert\" or \"update\"");
    }
    if (remove == nullptr) return;
    if (remove->kind != TomlNode::Kind::boolean) {
      mistakes_.add(remove->line, "delete must be true or false");
      return;
    }
    if (!remove->boolean) return;
    rule_.rows = Rule::Rows::remove;
    rule_.rows_line = remove->key_line;
    if (rows != nullptr)
      mistakes_.add(rows->key_line, "rows has no meaning in a rule that deletes; remove one of the two");
  }

  void read_key() {
    const TomlNode* key = table_of("key", "key = { column = \"/path\" }");
    if (key == nullptr) {
      if (node_.find("key") == nullptr)
        mistakes_.add(rule_.line, "this [[on]] has no key; write key = { column = \"/path\" } with every key column");
      return;
    }
    for (const TomlNode& member : key->items) {
      if (!projection_key_.empty() && !is_key(member.key)) {
        mistakes_.add(member.key_line, in_quotes(member.key) + " is not in the projection's key; " +
                                           suggestion(member.key, key_names()));
        continue;
      }
      if (auto value = read_value(member, "key." + member.key, scope_, mistakes_))
        rule_.key.push_back({member.key, std::move(*value), member.key_line});
    }
    for (const KeyColumn& column : projection_key_)
      if (key->find(column.name) == nullptr)
        mistakes_.add(key->key_line, "the key column " + in_quotes(column.name) + " is missing in this rule's key");
    order_key();
  }

  void order_key() {
    const auto rank = [&](const KeyPart& part) {
      return std::find_if(projection_key_.begin(), projection_key_.end(),
                          [&](const KeyColumn& column) { return column.name == part.column; }) -
             projection_key_.begin();
    };
    std::stable_sort(rule_.key.begin(), rule_.key.end(),
                     [&](const KeyPart& left, const KeyPart& right) { return rank(left) < rank(right); });
  }

  void read_assignments(Operation operation) {
    const std::string name(name_of(operation));
    has_assignments_ = has_assignments_ || node_.find(name) != nullptr;
    const TomlNode* table = table_of(name, name + " = { column = \"/path\" }");
    if (table == nullptr) return;
    if (rule_.rows == Rule::Rows::remove) {
      mistakes_.add(table->key_line, name + " has no meaning in a rule that deletes; write a rule of its own for it");
      return;
    }
    for (const TomlNode& member : table->items) {
      if (is_key(member.key)) {
        mistakes_.add(member.key_line,
                      "the key column " + in_quotes(member.key) + " comes from key and cannot stand under " + name);
        continue;
      }
      const auto earlier = std::find_if(rule_.assignments.begin(), rule_.assignments.end(),
                                        [&](const Assignment& one) { return one.column == member.key; });
      if (earlier != rule_.assignments.end())
        mistakes_.add(member.key_line, "the column " + in_quotes(member.key) + " stands under " + name +
                                           " and, in line " + std::to_string(earlier->line) + ", under " +
                                           std::string(name_of(earlier->operation)) + "; one rule can write it once");
      if (auto value = read_value(member, name + "." + member.key, scope_, mistakes_))
        rule_.assignments.push_back({operation, member.key, std::move(*value), member.key_line});
    }
  }

  /// The member `name`, which must be a table with something in it; nullptr where it is absent or a mistake was added.
  const TomlNode* table_of(const std::string& name, const std::string& example) {
    const TomlNode* table = node_.find(name);
    if (table == nullptr) return nullptr;
    if (table->kind != TomlNode::Kind::table) {
      mistakes_.add(table->line,
                    name + " must be a table such as " + example + ", not " + std::string(name_of(table->kind)));
      return nullptr;
    }
    if (table->items.empty()) {
      mistakes_.add(table->line, name + " is empty; write " + example + (name == "key" ? "" : " or leave it out"));
      return nullptr;
    }
    return table;
  }

  [[nodiscard]] bool is_key(const std::string& column) const {
    return std::any_of(projection_key_.begin(), projection_key_.end(),
                       [&](const KeyColumn& one) { return one.name == column; });
  }

  [[nodiscard]] std::vector<std::string> key_names() const {
    std::vector<std::string> names;
    for (const KeyColumn& column : projection_key_) names.push_back(column.name);
    return names;
  }

  const TomlNode& node_;
  const std::vector<KeyColumn>& projection_key_;
  Mistakes& mistakes_;
  ValueScope scope_;
  Rule rule_;
  bool has_assignments_ = false;
};

}  // namespace

void refuse_unknown_keys(const TomlNode& table, const std::vector<std::string>& known, const std::string& where,
                         Mistakes& mistakes) {
  for (const TomlNode& member : table.items)
    if (std::find(known.begin(), known.end(), member.key) == known.end())
      mistakes.add(member.key_line,
                   "there is no key " + in_quotes(member.key) + " " + where + "; " + suggestion(member.key, known));
}

Rule read_rule(const TomlNode& node, const std::vector<KeyColumn>& key, Mistakes& mistakes) {
  return RuleReader(node, key, mistakes).read();
}

}  // namespace rebuild_projection

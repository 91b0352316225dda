#include "tests/end_to_end/shapes/ground.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>

#include "pipeline/joined.h"
#include "tests/support/in_process.h"

namespace rebuild_projection::test {

namespace {

constexpr const char* story_rules = R"(
[[on]]
event = "put"
key = {key}
set = { {v} = "/v", {label} = "/label", {at} = "@ts" }
add = { {total} = "/v" }
[[on]]
event = "slot"
key = {key}
set = { {slot} = "/slot" }
[[on]]
event = "parent"
key = {key}
set = { {parent} = "/parent" }
[[on]]
event = "removed"
key = {key}
delete = true
)";

constexpr const char* start = R"(
DROP SCHEMA IF EXISTS rebuild_projection CASCADE;
DROP SCHEMA public CASCADE;
DROP PUBLICATION IF EXISTS published;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO public;
)";

std::string last_lines(const std::string& text) {
  return text.size() < 1500 ? text : "…" + text.substr(text.size() - 1500);
}

/// Rows by their first column.
std::map<std::string, std::string> by_id(const std::vector<std::string>& rows) {
  std::map<std::string, std::string> result;
  for (const std::string& row : rows) result[row.substr(0, row.find('|'))] = row;
  return result;
}

}  // namespace

Ground::Ground(TargetShape target, SourceShape source) : shape_(std::move(target)), source_(std::move(source)) {
  Story::tell(database);
  database.execute("CREATE SCHEMA ext; SET search_path = public, ext");
  if (!shape_.grants.empty() || !source_.grants.empty()) {
    role_ = std::make_unique<Role>(database, "shape");
    database.execute("GRANT CREATE ON DATABASE " + database.name() + " TO " + role_->name());
  }
  std::string rules = story_rules;
  for (const auto& [kind, told] : source_.kinds) rules = replaced(rules, '"' + kind + '"', toml_text(told));
  projections_.write("t.toml", shape_.toml("name = \"t\"\ntable = {t}\nkey = [{id}{, twin}]\n" + rules + shape_.rules));
  stores_.write("store.toml", source_.toml());
  for (const auto& beside : shape_.beside) {
    projections_.write(beside.table + ".toml", "name = \"" + beside.table + "\"\ntable = \"" + beside.table + "\"\n" +
                                                   shape_.toml(beside.file));
  }
}

std::string Ground::sql(const std::string& text) const {
  std::string result = shape_.sql(text);
  for (std::size_t at; role_ && (at = result.find("{role}")) != std::string::npos;)
    result.replace(at, 6, role_->name());
  return result;
}

void Ground::want(int events) {
  database.execute("DROP TABLE IF EXISTS want; CREATE TEMP TABLE want AS SELECT * FROM oracle.want(" +
                   std::to_string(events) + ")");
}

void Ground::append(int first, int last) {
  state_.clear();
  database.execute(source_.append(first, last));
}

void Ground::lay_out(int events, int told) {
  state_.clear();
  database.execute(start);
  database.execute(sql(source_.sql(source_.make)));
  append(1, told);
  if (!source_.around.empty()) database.execute(sql(source_.sql(source_.around)));
  database.execute(sql(shape_.table));
  for (const auto& beside : shape_.beside) database.execute(sql(beside.make));
  want(events);
  // Every type takes a literal, and rows that refer to one another come in any order.
  std::string names, values;
  for (const std::string& column : Story::columns()) {
    names += (names.empty() ? "" : ", ") + sql("{" + column + "}");
    values += (values.empty() ? "" : ", ") + ("quote_nullable(" + column + "::text)");
  }
  const std::string fill = "DO $fill$ DECLARE one text; BEGIN FOR one IN SELECT $into$INSERT INTO {t} (" + names +
                           ") VALUES ($into$ || concat_ws(', ', " + values +
                           ") || ')' FROM want LOOP EXECUTE one; END LOOP; END $fill$";
  const std::string at_first = "SET LOCAL session_replication_role = replica;";
  database.execute(at_first + sql(shape_.fill.empty() ? fill : shape_.fill));
  for (const auto& beside : shape_.beside) database.execute(at_first + sql(beside.fill));
  if (!shape_.around.empty()) database.execute(sql(shape_.around));
  if (role_)
    database.execute(sql(source_.sql(source_.grants.empty() ? "GRANT SELECT ON {store} TO {role}" : source_.grants) +
                         ";" + shape_.grants));
  std::string roots = "'" + sql("{t}") + "'";
  for (const auto& beside : shape_.beside) roots += ", '" + beside.table + "'";
  targets_ = database.rows(
      "SELECT DISTINCT format('%I.%I', c.relnamespace::regnamespace, c.relname) FROM pg_class c WHERE c.oid = ANY "
      "(ARRAY[" +
      roots + "]::regclass[]) OR c.oid IN (SELECT p.relid FROM unnest(ARRAY[" + roots +
      "]::regclass[]) AS root, pg_partition_tree(root) AS p)");
  laid_out_ = state();
  if (!shape_.kept.empty()) kept_ = database.rows(sql(shape_.kept));
}

const std::vector<std::string>& Ground::state() {
  if (state_.empty()) state_ = Story::state(database);
  return state_;
}

std::vector<std::string> Ground::state_of_others() {
  std::vector<std::string> result;
  for (const std::string& line : state()) {
    const bool of_targets =
        std::ranges::any_of(targets_, [&](const std::string& target) { return line.starts_with(target + " holds "); });
    if (!of_targets && !line.starts_with("rebuild_projection.") && line.find(" is at ") == std::string::npos)
      result.push_back(line);
  }
  return result;
}

void Ground::tell_what_cannot_be() {
  Story::tell_what_cannot_be(database);
}

bool Ground::plant(const std::string& text) {
  state_.clear();
  try {
    database.execute("SET LOCAL session_replication_role = replica;" + sql(text));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

Program::Result Ground::run(std::vector<std::string> arguments, const std::string& through) const {
  const std::string dsn = database.dsn(role_ ? role_->name() : "");
  arguments.insert(arguments.begin(),
                   {"--dsn", through.empty() ? dsn : through, "--projections", projections_.path(), "--store",
                    stores_.path() + "/store.toml", "--projection", "all", "--progress", "none", "--fence", "off"});
  // One connection costs less than four, where their number is not what is tried.
  if (std::ranges::find(arguments, "--readers") == arguments.end())
    arguments.insert(arguments.end(), {"--readers", "1"});
  return Program::run(arguments);
}

bool Ground::runs(Refusable way, const std::vector<std::string>& arguments, int exit_code) {
  const auto everything = state(), others = state_of_others();
  const Program::Result done = run(arguments);
  state_.clear();
  const std::string what = "\n  " + joined(arguments, " ") + "\n  exit code " + std::to_string(done.exit_code) + "\n";
  if (done.exit_code == 1) {
    EXPECT_TRUE((shape_.may_refuse | source_.may_refuse) & way) << "refused" << what << last_lines(done.err);
    EXPECT_EQ(differences(everything, state()), "") << "refused, and changed" << what;
    EXPECT_NE(done.err, "") << what;
    return false;
  }
  EXPECT_EQ(done.exit_code, exit_code) << what << last_lines(done.err) << last_lines(done.out);
  EXPECT_EQ(differences(others, state_of_others()), "") << "others' were changed" << what;
  return true;
}

void Ground::reconnect() {
  database.reconnect();
  database.execute("SET search_path = public, ext");
}

std::string Ground::wrong_rows(int events) {
  want(events);
  std::string story = "SELECT", told = "SELECT";
  for (const std::string& column : Story::columns()) {
    story += (column == "id" ? " " : ", ") + ("{" + column + "}::text");
    told += (column == "id" ? " " : ", ") + column + "::text";
  }
  const auto differing = [&](const std::string& live, const std::string& wanted) {
    auto are = database.rows(sql(live)), must_be = database.rows(sql(wanted));
    std::ranges::sort(are);
    std::ranges::sort(must_be);
    return differences(must_be, are);
  };
  std::string wrong = differing(shape_.live.empty() ? story + " FROM {t}" : shape_.live,
                                shape_.want.empty() ? told + " FROM want" : shape_.want);
  for (const auto& beside : shape_.beside) wrong += differing(beside.live, beside.want);
  if (shape_.kept.empty()) return wrong;
  const auto before = by_id(kept_);
  for (const auto& [id, row] : by_id(database.rows(sql(shape_.kept)))) {
    const auto kept = before.find(id);
    if (kept != before.end() && kept->second != row) wrong += "not kept: " + kept->second + "\nis now:   " + row + "\n";
  }
  return wrong;
}

void Ground::expect_rows(int events) {
  EXPECT_EQ(wrong_rows(events), "") << "rows that must be (-) and are (+), after " << events << " events";
}

bool Ground::has_rows(int events) {
  return wrong_rows(events).empty();
}

void Ground::expect_untouched() {
  EXPECT_EQ(differences(laid_out_, state()), "") << "not as it was laid out";
}

}  // namespace rebuild_projection::test

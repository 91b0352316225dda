#include <cstring>

#include "pipeline/change_codec.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"
#include "tests/support/plain_rows.h"

namespace rebuild_projection::test {

namespace {

std::vector<plain::Step> steps_of(std::string_view bytes) {
  std::vector<plain::Step> steps;
  for (; bytes.size() >= 4 && steps.size() < 24; bytes.remove_prefix(4)) {
    std::uint32_t seed = 0;
    std::memcpy(&seed, bytes.data(), sizeof seed);
    std::mt19937 random(seed);
    for (plain::Step& step : plain::random_steps(random, 1 + seed % 3)) steps.push_back(std::move(step));
  }
  return steps;
}

/// The same change set through the form that temporary files have.
ChangeSet written_and_read(const ChangeSet& changes) {
  ChangeSet result(changes.table());
  for (const ChangeSet::Row* row : changes.sorted()) {
    std::string bytes, again;
    append_record(bytes, row->key(), "", row->change);
    require(record_bytes(bytes.data()) == bytes.size() - record_head_bytes, "a record knows its size");
    const RowRecord record = read_record(std::string_view(bytes).substr(record_head_bytes));
    RowChange change = read_change(changes.table(), record.change);
    append_record(again, record.key, record.spelling, change);
    require(again == bytes, "a record that is read is written as it was");
    result.add(record.key, record.spelling, std::move(change));
  }
  return result;
}

}  // namespace

void fuzz_changes(std::string_view bytes) {
  const std::vector<plain::Step> steps = steps_of(bytes);
  if (steps.empty()) return;
  const std::size_t end = steps.size(), first = static_cast<unsigned char>(bytes[0]) % (end + 1),
                    second = first + static_cast<unsigned char>(bytes[1]) % (end - first + 1);
  const std::string whole = plain::described(plain::fold(steps, 0, end));
  ChangeSet left = plain::fold(steps, 0, first);
  left.append(plain::fold(steps, first, second));
  left.append(plain::fold(steps, second, end));
  require(plain::described(left) == whole, "(a b) c is the whole");
  ChangeSet tail = plain::fold(steps, first, second);
  tail.append(plain::fold(steps, second, end));
  ChangeSet right = written_and_read(plain::fold(steps, 0, first));
  right.append(written_and_read(tail));
  require(plain::described(right) == whole, "a (b c), written and read, is the whole");

  std::mt19937 random(static_cast<unsigned char>(bytes[2]));
  const plain::Rows before = plain::random_rows(random);
  const plain::Cells defaults = plain::random_cells(random);
  plain::Rows expected = before, rows = before;
  plain::simulate(expected, defaults, steps);
  plain::apply(rows, defaults, right);
  require(plain::described(rows) == plain::described(expected), "rows are those of the steps one by one");
}

}  // namespace rebuild_projection::test

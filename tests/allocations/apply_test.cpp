// Without these tests apply could come to allocate for every event, or the bound on memory count something else than
// what is held. This program counts every operator new of its own.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/changes.h"
#include "stages/apply/projection_file.h"
#include "tests/allocations/counted.h"
#include "tests/support/catalogue.h"

namespace rebuild_projection {
namespace {

using test::allocations, test::held_bytes;

constexpr std::string_view projection = R"(
name = "summary"
table = "summary"
key = ["id"]
[[on]]
event = "created"
key = { id = "@stream_id" }
init = { created_at = "@ts" }
set = { full_name = "/full_name", email = "/email", source = "/source", last_activity_at = "@ts" }
[[on]]
event = ["moved", "scored"]
when = { "/stage" = { exists = true } }
key = { id = "@stream_id" }
set = { stage = "/stage", last_activity_at = "@ts" }
add = { changes = 1, total = "/score" }
max = { best = "/score" }
)";

CatalogueTable table() {
  using namespace test;
  return keyed_table("summary",
                     {uuid_column("id"), text_column("full_name"), text_column("email"), text_column("source"),
                      text_column("stage"), timestamptz_column("created_at"), timestamptz_column("last_activity_at"),
                      bigint_column("changes"), numeric_column("total"), numeric_column("best")});
}

class ApplyAllocations : public testing::Test {
 protected:
  ApplyAllocations() {
    std::vector<std::string> mistakes;
    projector_ = read_projection_text("summary.toml", projection, mistakes).at(0).bind(table(), mistakes);
    if (!projector_) throw std::logic_error(mistakes.at(0));
    changes_ = std::make_unique<Changes>(projector_->table());
    set_ = std::make_unique<ChangeSet>(projector_->table());
  }

  /// An event of each type for each of `rows` rows, with texts of some 20 bytes.
  void apply_events(unsigned rows, std::string_view ts) {
    std::array<char, 37> id{};
    for (unsigned row = 0; row < rows; ++row) {
      std::snprintf(id.data(), id.size(), "%08x-0000-4000-8000-%012x", row * 2'654'435'761U, row);
      for (const char* type : {"created", "moved", "scored", "ignored"}) {
        StoredEvent stored;
        stored.type = type;
        stored.ts = ts;
        stored.stream_id = std::string_view(id.data(), 36);
        std::array<Json, 5> values;
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = value(projector_->extraction().paths.at(i));
        projector_->handle({stored, projector_->extraction(), values, {}}, *changes_);
        changes_->move_into(*set_);
      }
    }
  }

  std::unique_ptr<Projector> projector_;
  std::unique_ptr<Changes> changes_;
  std::unique_ptr<ChangeSet> set_;

 private:
  static Json value(std::string_view path) {
    if (path == "/score") return {Json::Kind::number, "55.90"};
    if (path == "/email") return {Json::Kind::string, "candidate@example.org"};
    return {Json::Kind::string, "a text of 20 bytes.."};
  }
};

TEST_F(ApplyAllocations, NoneForAnEventWhoseRowIsThereAndWhoseTextsFit) {
  apply_events(1'000, "2025-01-01 06:33:48.267+00");
  apply_events(1'000, "2025-01-01 06:33:48.267+00");
  ASSERT_EQ(set_->size(), 1'000U);
  const std::size_t before = allocations;
  EXPECT_GT(before, 1'000U);  // they are counted at all
  apply_events(1'000, "2025-01-01 06:33:48.26+00");
  apply_events(1'000, "2026-01-01 06:33:48+00");
  EXPECT_EQ(allocations, before);
}

TEST_F(ApplyAllocations, BytesAreWhatIsHeld) {
  for (const unsigned rows : {1'000U, 50'000U}) {
    set_->clear();
    const std::size_t before = held_bytes;
    apply_events(rows, "2025-01-01 06:33:48.267+00");
    ASSERT_EQ(set_->size(), rows);
    const auto held = static_cast<double>(held_bytes - before), said = static_cast<double>(set_->bytes());
    EXPECT_NEAR(said / held, 1, 0.1) << rows;
    EXPECT_LE(held / rows, rows < 10'000 ? 400 : 350) << rows;  // nine columns of which four are texts
  }
}

}  // namespace
}  // namespace rebuild_projection

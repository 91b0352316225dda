// Without these tests --projection could select the wrong projections, or one twice.
#include "pipeline/projector.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "pipeline/error.h"

namespace rebuild_projection {
namespace {

class Named : public Projector {
 public:
  explicit Named(const std::string& name) : Projector({.name = name}) {}
  void handle(const Event&, Changes&) const override {}
};

ProjectorRegistry registry_of(const std::vector<std::string>& names) {
  ProjectorRegistry registry;
  for (const std::string& name : names) registry.add(std::make_unique<Named>(name));
  return registry;
}

std::vector<std::string> selected(const ProjectorRegistry& registry, const std::vector<std::string>& names) {
  std::vector<std::string> result;
  for (const Projector* projector : registry.select(names)) result.push_back(projector->name());
  return result;
}

std::string error_of(const ProjectorRegistry& registry, const std::vector<std::string>& names) {
  try {
    static_cast<void>(registry.select(names));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(ProjectorRegistry, SelectsInRegistryOrderEachOnce) {
  const ProjectorRegistry registry = registry_of({"b", "a", "c"});
  using Names = std::vector<std::string>;
  EXPECT_EQ(registry.names(), (Names{"b", "a", "c"}));
  EXPECT_EQ(selected(registry, {"c", "b", "c"}), (Names{"b", "c"}));
  EXPECT_EQ(selected(registry, {"all"}), (Names{"b", "a", "c"}));
  EXPECT_EQ(selected(registry, {"a", "all"}), (Names{"b", "a", "c"}));
  EXPECT_EQ(selected(registry, {}), Names{});
}

TEST(ProjectorRegistry, FindsByName) {
  const ProjectorRegistry registry = registry_of({"a", "b"});
  ASSERT_NE(registry.find("b"), nullptr);
  EXPECT_EQ(registry.find("b")->name(), "b");
  EXPECT_EQ(registry.find("B"), nullptr);
}

TEST(ProjectorRegistry, ListsTheNamesWhereOneIsUnknown) {
  const ProjectorRegistry registry = registry_of({"candidates", "leads"});
  EXPECT_EQ(error_of(registry, {"leads", "lead"}),
            "There is no projection named \"lead\"; there are: candidates, leads.");
  EXPECT_EQ(error_of(ProjectorRegistry(), {"x"}), "There is no projection named \"x\"; there are none at all.");
}

TEST(ProjectorRegistry, RefusesANameTwice) {
  ProjectorRegistry registry = registry_of({"a"});
  EXPECT_THROW(registry.add(std::make_unique<Named>("a")), UsageError);
  EXPECT_EQ(registry.names().size(), 1U);
}

TEST(Position, IsWrittenWithCommas) {
  EXPECT_EQ(to_string(Position{"2025-02-01 00:00:00+00", "7"}), "2025-02-01 00:00:00+00, 7");
  EXPECT_EQ(to_string(Position{"7"}), "7");
  EXPECT_EQ(to_string(Position{}), "");
}

}  // namespace
}  // namespace rebuild_projection

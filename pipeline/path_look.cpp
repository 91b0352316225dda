#include "pipeline/path_look.h"

#include <algorithm>

#include "pipeline/event.h"
#include "pipeline/projector.h"

namespace rebuild_projection {

namespace {

class DeclaredPaths final : public PathLook {
 public:
  explicit DeclaredPaths(const Projector& projector) : projector_(projector) {
    const Extraction& wanted = projector.extraction();
    paths_.resize(wanted.paths.size());
    for (const Extraction::Elements& elements : wanted.elements)
      elements_.push_back({{}, std::vector<Path>(elements.paths.size())});
  }

  void look(const Event& event) override {
    ++events_;
    for (std::size_t index = 0; index < paths_.size(); ++index) paths_[index].look(event.value(index));
    for (std::size_t index = 0; index < elements_.size(); ++index) {
      OfElements& of = elements_[index];
      for (const Element& element : event.elements(index)) {
        of.pattern.found = true;
        ++of.elements;
        for (std::size_t value = 0; value < of.paths.size(); ++value) of.paths[value].look(element.values[value]);
      }
    }
  }

  [[nodiscard]] bool done() const override {
    const auto found = [](const std::vector<Path>& paths) { return std::ranges::all_of(paths, &Path::found); };
    return found(paths_) &&
           std::ranges::all_of(elements_, [&](const OfElements& of) { return of.pattern.found && found(of.paths); });
  }

  [[nodiscard]] std::vector<std::string> never_found() const override {
    std::vector<std::string> result;
    const Extraction& wanted = projector_.extraction();
    const auto say = [&](const std::string& path, std::uint64_t number, const std::string& unit) {
      result.push_back("projection " + projector_.name() + ": the path \"" + path + "\" " +
                       led_nowhere(number, unit, "the projection"));
    };
    if (events_ == 0) return result;
    for (std::size_t index = 0; index < paths_.size(); ++index)
      if (!paths_[index].found) say(wanted.paths[index], events_, "event");
    for (std::size_t index = 0; index < elements_.size(); ++index) {
      const Extraction::Elements& elements = wanted.elements[index];
      const OfElements& of = elements_[index];
      if (!of.pattern.found) say(elements.pattern, events_, "event");
      for (std::size_t value = 0; of.pattern.found && value < of.paths.size(); ++value)
        if (!of.paths[value].found) say(elements.pattern + elements.paths[value], of.elements, "element");
    }
    return result;
  }

 private:
  struct Path {
    bool found = false;
    void look(const Json& value) { found = found || value.kind != Json::Kind::missing; }
  };
  struct OfElements {
    Path pattern;
    std::vector<Path> paths;
    std::uint64_t elements = 0;
  };

  const Projector& projector_;
  std::vector<Path> paths_;
  std::vector<OfElements> elements_;
  std::uint64_t events_ = 0;
};

}  // namespace

std::unique_ptr<PathLook> look_at_declared_paths(const Projector& projector) {
  return std::make_unique<DeclaredPaths>(projector);
}

std::string led_nowhere(std::uint64_t number, const std::string& unit, const std::string& of) {
  return number == 1 ? "led nowhere in the only " + unit + " of " + of
                     : "led nowhere in all " + std::to_string(number) + " " + unit + "s of " + of;
}

}  // namespace rebuild_projection

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/projector.h"
#include "stages/parse/json_parser.h"
#include "tests/support/pages.h"

namespace rebuild_projection::test {

/// A projector that only wants something out of payloads, of events of type "wanted".
class ExtractingProjector : public Projector {
 public:
  explicit ExtractingProjector(Extraction extraction, const std::string& type = "wanted")
      : Projector({.name = "extracting", .events = {type}, .payload = std::move(extraction)}) {}
  void handle(const Event&, Changes&) const override {}
};

/// A value as one text: "number 1.10", "string abc", "null", "missing", "invalid".
std::string show(const Json& json);
using Show = std::string (*)(const Json&);
/// An element as one text: "[a 0] number 1; missing;".
std::string show(const Element& element, Show show_value = show);

/// What one projector gets out of one payload, as text.
struct Outcome {
  std::vector<std::string> values;
  std::vector<std::vector<std::string>> elements;
  std::optional<std::string> error;
};
/// The payload stands between others, so that reading beyond it is found out.
Outcome parse_payload(const Extraction& extraction, const std::string& payload, PayloadFormat format,
                      Show show_value = show);

/// The value at one path.
std::string value_at(const std::string& path, const std::string& payload, PayloadFormat format);

}  // namespace rebuild_projection::test

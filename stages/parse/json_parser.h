#pragma once

#include <memory>
#include <vector>

#include "pipeline/projector.h"
#include "pipeline/stages.h"

namespace rebuild_projection {

/// What the payload column holds: who has validated it, and whether a key can stand twice in one object.
enum class PayloadFormat : std::uint8_t {
  jsonb,  ///< validated by the server, no duplicate keys
  json,   ///< validated by the server; duplicate keys, \u0000 and lone surrogates are possible
  text,   ///< text or bytea: nobody has validated it
};

/// The parse stage: simdjson On-Demand, one pass over each payload that some projector handles.
std::unique_ptr<PayloadParser> make_json_parser(const std::vector<const Projector*>& projectors, PayloadFormat format);

}  // namespace rebuild_projection

#include "stages/option_bounds.h"

#include <utility>

#include "pipeline/error.h"
#include "pipeline/joined.h"
#include "pipeline/timestamp.h"

namespace rebuild_projection {

std::vector<std::string> out_of_bounds(const Options& options) {
  using namespace option_bounds;
  std::vector<std::string> wrong;
  const auto say = [&](const std::string& name, const std::string& text) { wrong.push_back(name + " " + text); };
  const auto check = [&](const std::string& name, auto value, std::uint64_t least, std::uint64_t most) {
    if (std::cmp_less(value, least) || std::cmp_greater(value, most))
      say(name,
          "must be from " + std::to_string(least) + " to " + std::to_string(most) + ", not " + std::to_string(value));
  };
  const auto check_text = [&](const std::string& name, const std::string& text) {
    if (text.empty()) say(name, "is empty");
    if (text.find('\0') != std::string::npos) say(name, "holds the character U+0000");
  };
  check("batch_events", options.batch_events, 1, batch_events_max);
  check("max_events", options.max_events, 0, events_max);
  check("tokens", options.tokens, 0, concurrency_max);  // 0: from the machine, as below
  check("workers", options.workers, 0, concurrency_max);
  check("readers", options.readers, 0, concurrency_max);
  if (options.memory_bytes_max != 0)
    check("memory_bytes_max", options.memory_bytes_max, memory_mib_min << 20U, memory_mib_max << 20U);
  check("peer_timeout", options.peer_timeout.count(), 1, peer_timeout_max);
  check("fence_timeout", options.fence_timeout.count(), 0, seconds_max);
  check("publish_lock_timeout", options.publish_lock_timeout.count(), 1, publish_lock_timeout_max);
  check("retry.retries", options.retry.retries, 0, retries_max);
  check("retry.seconds_max", options.retry.seconds_max.count(), 0, seconds_max);
  check("drift_limit", options.drift_limit, 0, drift_limit_max);
  check_text("store", options.store);
  check_text("meta_schema", options.meta_schema);
  if (options.meta_schema.starts_with("pg_") || options.meta_schema == "information_schema")
    say("meta_schema",
        "is " + options.meta_schema +
            ", which is the server's own or goes with the session; name another schema with --meta-schema");
  for (const std::string& name : options.projections) check_text("a name in projections", name);
  for (const auto& [name, moment] : {std::pair{"from_ts", &options.from_ts}, std::pair{"to_ts", &options.to_ts}})
    if (*moment && !Timestamp::parse(**moment)) say(name, "is no time in ISO 8601");
  return wrong;
}

void refuse_out_of_bounds(const Options& options) {
  const std::vector<std::string> wrong = out_of_bounds(options);
  if (!wrong.empty()) throw UsageError(joined(wrong, "\n"));
}

}  // namespace rebuild_projection

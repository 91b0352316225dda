#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/page.h"
#include "pipeline/projector.h"
#include "stages/postgres/catalogue.h"

/// What the stages are measured with: a summary of candidates, ten columns besides a uuid as the key.
namespace rebuild_projection::bench {

/// A projection file's text, bound to a table. Throws std::logic_error where it is wrong.
std::unique_ptr<Projector> bound_projector(std::string_view toml, const CatalogueTable& table);

/// The projection of the summary, bound to its table or, without a database, to one like it.
std::unique_ptr<Projector> candidate_summary(const CatalogueTable& table);
std::unique_ptr<Projector> candidate_summary();

/// Events of candidates, each created by one of the first events of all, the others in no order.
std::vector<Page> candidate_pages(std::uint64_t candidates, std::uint64_t events, std::size_t page_events);

std::string uuid_of(std::uint64_t candidate);

}  // namespace rebuild_projection::bench

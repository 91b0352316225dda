#pragma once

#include <span>
#include <string_view>

namespace rebuild_projection {

/// A file that is compiled into the library, so that a program has it wherever it stands.
struct ShippedFile {
  std::string_view name;  ///< without a folder: "event_store.toml"
  std::string_view text;
};

/// The presets of --store: tools/stores/*.toml, in the order of their names.
std::span<const ShippedFile> shipped_stores();

/// The projections used as examples: tools/projections/*.toml, in the order of their names.
std::span<const ShippedFile> shipped_projections();

}  // namespace rebuild_projection

#pragma once

#include <span>
#include <string_view>

namespace rebuild_projection::test {

/// Something that reads what others wrote. Takes any bytes; throws, or is stopped by a sanitizer, where the program is
/// wrong about them.
struct FuzzTarget {
  std::string_view name;  ///< also of its folder in tests/fuzz/corpus
  void (*run)(std::string_view bytes);
};
std::span<const FuzzTarget> fuzz_targets();

/// A payload through the parse stage, in three formats, beside another JSON library.
void fuzz_payload(std::string_view bytes);
/// A projection file, and where it has no mistake, an event through its projector.
void fuzz_projection_file(std::string_view bytes);
void fuzz_store_file(std::string_view bytes);
/// What stands on the command line and in order columns: lists with quotes, moments, decimals, uuids, JSON Pointers.
void fuzz_text(std::string_view bytes);
/// Each four bytes are a few changes: however they are composed, and written and read between, they are the same.
void fuzz_changes(std::string_view bytes);

}  // namespace rebuild_projection::test

#include "pipeline/change_set.h"

#include <algorithm>

namespace rebuild_projection {
namespace {

// What a row costs besides the texts and vectors it holds: its node in the hash table (link, hash, key and value), its
// place in the bucket array, and what the allocator adds to a block.
constexpr std::size_t block_bytes = 16;
constexpr std::size_t node_bytes =
    sizeof(std::string) + sizeof(ChangeSet::Row) + 2 * sizeof(void*) + 2 * sizeof(void*) + block_bytes;
const std::size_t inline_text_size = std::string().capacity();  // shorter ones live inside the string object

std::size_t heap_bytes(const std::string& text) {
  return text.capacity() <= inline_text_size ? 0 : text.capacity() + 1 + block_bytes;
}

std::size_t heap_bytes(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return heap_bytes(*text);
  if (const auto* number = std::get_if<Decimal>(&value)) return number->heap_bytes();
  const auto* list = std::get_if<std::unique_ptr<List>>(&value);
  if (list == nullptr) return 0;
  return sizeof(List) + 2 * block_bytes + ((*list)->base ? heap_bytes(*(*list)->base) : 0) +
         (*list)->appended.capacity() * sizeof(std::optional<std::string>) + (*list)->appended_bytes;
}

std::size_t heap_bytes(const ColumnChanges& columns) {
  if (columns.capacity() == 0) return 0;
  std::size_t bytes = block_bytes + columns.capacity() * sizeof(ColumnChange);
  for (const ColumnChange& column : columns) {
    bytes += heap_bytes(column.value);
    if (column.if_null) bytes += sizeof(Value) + block_bytes + heap_bytes(*column.if_null);
  }
  return bytes;
}

std::size_t heap_bytes(const ChangeSet::Row& row) {
  std::size_t bytes = block_bytes + row.key.capacity() * sizeof(std::string);
  for (const std::string& value : row.key) bytes += heap_bytes(value);
  return bytes + heap_bytes(row.change.present) + heap_bytes(row.change.absent);
}

}  // namespace

void ChangeSet::add(Key&& key, RowChange&& change) {
  const auto [at, is_new] = rows_.try_emplace(std::move(key.canonical));
  Row& row = at->second;
  if (is_new) {
    row.canonical = at->first;
    row.key = std::move(key.values);
    row.change = std::move(change);
    row.bytes = node_bytes + heap_bytes(at->first) + heap_bytes(row);
    bytes_ += row.bytes;
  } else {
    compose_into(row, std::move(key.values), std::move(change));
    const std::size_t bytes = node_bytes + heap_bytes(at->first) + heap_bytes(row);
    bytes_ += bytes - row.bytes;
    row.bytes = bytes;
  }
}

void ChangeSet::append(ChangeSet&& later) {
  if (rows_.empty()) {
    rows_.swap(later.rows_);
    std::swap(bytes_, later.bytes_);
    return;
  }
  while (!later.rows_.empty()) {
    auto inserted = rows_.insert(later.rows_.extract(later.rows_.begin()));
    Row& row = inserted.position->second;
    if (inserted.inserted) {
      bytes_ += row.bytes;
      continue;
    }
    Row& other = inserted.node.mapped();
    compose_into(row, std::move(other.key), std::move(other.change));
    const std::size_t bytes = node_bytes + heap_bytes(inserted.position->first) + heap_bytes(row);
    bytes_ += bytes - row.bytes;
    row.bytes = bytes;
  }
  later.clear();
}

void ChangeSet::compose_into(Row& row, std::vector<std::string>&& key, RowChange&& later) {
  // The key is written only where the row is created: 1.0 and 1.00 are one key, and the row's creator says which is
  // written.
  if (!row.change.creates || later.removes) row.key = std::move(key);
  compose(*table_, row.change, std::move(later));
}

std::vector<const ChangeSet::Row*> ChangeSet::sorted() const {
  std::vector<const std::pair<const std::string, Row>*> entries;
  entries.reserve(rows_.size());
  for (const auto& entry : rows_) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(),
            [](const auto* left, const auto* right) { return left->first < right->first; });
  std::vector<const Row*> result;
  result.reserve(entries.size());
  for (const auto* entry : entries) result.push_back(&entry->second);
  return result;
}

void ChangeSet::clear() {
  std::unordered_map<std::string, Row>().swap(rows_);  // gives the buckets back too
  bytes_ = 0;
}

}  // namespace rebuild_projection

#include "stages/parse/path_tree.h"

#include <algorithm>
#include <cstring>

#include "pipeline/error.h"
#include "pipeline/json_pointer.h"

namespace rebuild_projection {
namespace {

struct Token {
  std::string text;
  bool wildcard = false;
};

/// One path of one Extraction: where it leads and what happens there.
struct Path {
  enum class Kind : std::uint8_t { value, match, element_value };
  std::vector<Token> tokens;
  Kind kind = Kind::value;
  std::uint32_t target = 0;  ///< value: its place; else the pattern
  std::uint32_t value = 0;   ///< element_value: index in Element::values
};

[[noreturn]] void refuse(const Projector& projector, const std::string& pointer, const std::string& why) {
  throw UsageError("Projection " + projector.name() + ": the path \"" + pointer + "\" " + why + ".");
}

std::vector<Token> tokens_of(const Projector& projector, const std::string& pointer, bool wildcards) {
  const auto texts = pointer_tokens(pointer);
  if (!texts)
    refuse(projector, pointer,
           "is not a JSON Pointer: it must be empty or begin with /, and ~ must be written ~0, a / in a key ~1");
  std::vector<Token> tokens;
  for (const std::string& text : *texts) tokens.push_back({text, wildcards && text == "*"});
  if (tokens.size() > path_tokens_max)
    refuse(projector, pointer, "has more than " + std::to_string(path_tokens_max) + " steps");
  return tokens;
}

bool needs_escape(char byte) {
  return byte == '"' || byte == '\\' || static_cast<unsigned char>(byte) < 0x20;
}

void set_head(PathTree::Child& child) {
  const std::string quoted = child.key + '"';
  const std::size_t size = std::min(quoted.size(), sizeof child.head);
  child.head = child.head_mask = 0;
  std::memcpy(&child.head, quoted.data(), size);
  std::memset(&child.head_mask, 0xFF, size);
}

/// Adds the paths of one projector; places count on from what is there.
void collect(const Projector& projector, PathTree& tree, std::vector<Path>& paths) {
  tree.value_offsets.push_back(tree.values);
  tree.element_offsets.push_back(tree.patterns.size());
  for (const std::string& pointer : projector.extraction().paths) {
    paths.push_back(
        {tokens_of(projector, pointer, false), Path::Kind::value, static_cast<std::uint32_t>(tree.values), 0});
    ++tree.values;
  }
  for (const Extraction::Elements& elements : projector.extraction().elements) {
    const auto number = static_cast<std::uint32_t>(tree.patterns.size());
    const std::vector<Token> pattern = tokens_of(projector, elements.pattern, true);
    PathTree::Pattern& compiled = tree.patterns.emplace_back();
    for (std::size_t i = 0; i < pattern.size(); ++i)
      if (pattern[i].wildcard) compiled.wildcards.push_back(i);
    paths.push_back({pattern, Path::Kind::match, number, 0});
    for (const std::string& pointer : elements.paths) {
      std::vector<Token> whole = pattern;
      std::ranges::move(tokens_of(projector, pointer, false), std::back_inserter(whole));
      if (whole.size() > path_tokens_max)
        refuse(projector, elements.pattern + pointer, "has more than " + std::to_string(path_tokens_max) + " steps");
      paths.push_back(
          {std::move(whole), Path::Kind::element_value, number, static_cast<std::uint32_t>(compiled.values)});
      ++compiled.values;
    }
  }
}

void finish_at(PathTree::Node& node, const Path& path) {
  switch (path.kind) {
    case Path::Kind::value:
      node.values.push_back(path.target);
      break;
    case Path::Kind::match:
      node.matches.push_back(path.target);
      break;
    case Path::Kind::element_value:
      node.element_values.push_back({path.target, path.value});
      break;
  }
}

/// The node that stands for all of `paths`, which have `depth` tokens behind them.
std::uint32_t build(PathTree& tree, const std::vector<const Path*>& paths, std::size_t depth) {
  const auto number = static_cast<std::uint32_t>(tree.nodes.size());
  tree.nodes.emplace_back();
  PathTree::Node node;  // put into its place at the end: `nodes` moves while it grows
  node.depth = depth;
  std::vector<const Path*> any;
  std::vector<std::string> keys;
  for (const Path* path : paths) {
    if (path->tokens.size() == depth) {
      finish_at(node, *path);
    } else if (path->tokens[depth].wildcard) {
      any.push_back(path);
    } else if (std::ranges::find(keys, path->tokens[depth].text) == keys.end()) {
      keys.push_back(path->tokens[depth].text);
    }
  }
  for (const std::string& key : keys) {
    std::vector<const Path*> through;
    for (const Path* path : paths)
      if (path->tokens.size() > depth && (path->tokens[depth].wildcard || path->tokens[depth].text == key))
        through.push_back(path);
    PathTree::Child child;
    child.key = key;
    child.index = array_index(key).value_or(PathTree::no_index);
    if (std::ranges::none_of(key, needs_escape)) set_head(child);
    child.node = build(tree, through, depth + 1);
    if (child.index != PathTree::no_index) node.indexes_end = std::max(node.indexes_end, child.index + 1);
    node.children.push_back(std::move(child));
  }
  if (!any.empty()) {
    node.any = build(tree, any, depth + 1);
    node.indexes_end = PathTree::no_index;
  }
  tree.nodes[number] = std::move(node);
  return number;
}

}  // namespace

PathTree compile_paths(const std::vector<const Projector*>& projectors) {
  PathTree tree;
  std::vector<Path> paths;
  for (const Projector* projector : projectors) collect(*projector, tree, paths);
  std::vector<const Path*> all;
  for (const Path& path : paths) all.push_back(&path);
  build(tree, all, 0);
  return tree;
}

}  // namespace rebuild_projection

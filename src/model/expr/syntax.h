#pragma once

// The text of an expression as a tree: the grammar of CEL's core, without names resolved and
// without types. One Syntax holds the trees of all expressions that become one Program; it is made
// by the parser of apps, scalar by scalar, because only that knows where each text stands in the
// file.
//
// Nothing here trusts its input: the length of a text and the height of a tree are bounded, and a
// mistake says where it is (`Spot`) and what to do.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace sluice::expr {

// A place in one of the texts of a Syntax. Texts are numbered in the order in which they were
// added, from 0; offsets are bytes from the beginning of that text (of the whole template, not of
// the `${…}` in it).
struct Spot {
  std::uint32_t text = 0;
  std::uint32_t offset = 0;
  friend bool operator==(const Spot&, const Spot&) = default;
};

struct Mistake {
  Spot spot;
  std::string message;
  std::string hint;  // May be empty.
  friend bool operator==(const Mistake&, const Mistake&) = default;
};
using Mistakes = std::vector<Mistake>;

// What a node is. Strings are UTF-8.
enum class SyntaxKind : std::uint8_t {
  kConstant,  // `constant`: null, bool, int, double, string.
  kName,      // `name`; absolute: written `.name`.
  kField,     // children: [operand]; `name`.
  kIndex,     // children: [operand, index].
  kCall,      // `name`, children: arguments.
  kMethod,    // `name`, children: [receiver, arguments…].
  kUnary,     // `name` is `!` or `-`.
  kBinary,    // `name` is the operator as written: `+`, `in`, `&&`, ….
  kChoice,    // c ? a : b.
  kList,      // children.
  kMap,       // children: key, value, key, value, ….
  kText,      // A template: its pieces become one text.
};

struct SyntaxNode {
  SyntaxKind kind = SyntaxKind::kConstant;
  bool absolute = false;    // kName: written `.name`; macros do not hide it.
  bool quoted = false;      // kField: written with backticks; not part of a dotted name.
  std::uint32_t first = 0;  // Children: a range of Syntax::children().
  std::uint32_t count = 0;
  std::uint16_t height = 1;
  Spot spot;  // Of the operator, name or bracket: where a mistake points at.
  std::string name;
  Json constant;
};

class Syntax {
 public:
  using Node = std::uint32_t;  // Index into nodes().

  // Longest text, and highest tree: evaluation recurses once per level.
  static constexpr std::size_t kTextMax = 16 << 10;
  static constexpr std::uint16_t kHeightMax = 250;

  // Each of these four adds one text. Nothing is returned after a mistake was appended.

  // `split.size > 3`: what stands inside of `${…}`.
  std::optional<Node> add_expression(std::string_view text, Mistakes& mistakes);
  // `part ${index} of ${size(x)}`. One `${…}` and nothing else is the value itself; else it is a
  // text in which other values appear as JSON. `$${` is a plain `${`.
  std::optional<Node> add_template(std::string_view text, Mistakes& mistakes);
  // A value without any `${`; it is no text of its own, but counts as one so that its errors have a
  // Spot.
  Node add_constant(const Json& value);
  // A literal whose texts, at any depth, are templates (keys of maps are taken as they are). Every
  // text in it is numbered, in the order in which they are written.
  std::optional<Node> add_json(const Json& value, Mistakes& mistakes);

  // Literals put together by the caller, from nodes added before. Mistakes about the whole point at
  // the first of them; an empty one counts as a text of its own.
  std::optional<Node> add_list(std::span<const Node> elements, Mistakes& mistakes);
  std::optional<Node> add_map(std::span<const std::pair<std::string, Node>> members,
                              Mistakes& mistakes);

  const SyntaxNode& node(Node index) const { return nodes_[index]; }
  std::span<const Node> children(Node index) const {
    return std::span(children_).subspan(nodes_[index].first, nodes_[index].count);
  }
  std::uint32_t texts() const { return texts_; }

 private:
  friend class Parser;
  Node add(SyntaxNode node, std::span<const Node> children);
  std::optional<Node> add_bounded(SyntaxNode node, std::span<const Node> children,
                                  Mistakes& mistakes);
  std::optional<Node> parse(std::string_view text, Spot begin, Mistakes& mistakes);

  std::vector<SyntaxNode> nodes_;
  std::vector<Node> children_;
  std::uint32_t texts_ = 0;
};

// Whether the text has a `${` that is not escaped: else it is a plain text.
bool has_expression(std::string_view text);
// The plain text that a template without expressions stands for: `$${` becomes `${`.
std::string plain_text(std::string_view text);

// One `${…}` of a template. `run:` needs the pieces themselves: each becomes an argument.
struct TemplatePiece {
  bool is_expression = false;
  std::string text;          // Plain: with `$${` turned into `${`. Expression: what is inside.
  std::uint32_t offset = 0;  // Of the first byte of the piece (of what is inside) in the template.
};
// Finds the closing brace with regard to quotes and braces inside. Nothing after a mistake.
std::optional<std::vector<TemplatePiece>> split_template(std::string_view text, Mistakes& mistakes);

}  // namespace sluice::expr

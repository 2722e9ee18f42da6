#include "model/expr/syntax.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/expr/lexer.h"
#include "model/expr/parser.h"

namespace sluice::expr {
namespace {

// A template is at most as long as the file it stands in.
constexpr std::size_t kTemplateMax = 1 << 20;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
}

// The offset of the `}` that belongs to a `${` whose inside begins at `from`; npos if there is
// none. Quotes, backticks and comments hide braces.
std::size_t closing_brace(std::string_view text, std::size_t from, bool& in_comment) {
  std::size_t depth = 1;
  for (std::size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\'' || c == '"') {
      const bool is_raw =
          i > from && (text[i - 1] | 0x20) == 'r' && (i == from + 1 || !is_word(text[i - 2]));
      const std::string triple(3, c);
      const bool is_triple = text.substr(i).starts_with(triple);
      i += is_triple ? 3 : 1;
      while (i < text.size()) {
        if (text[i] == '\\' && !is_raw) {
          i += 2;
          continue;
        }
        if (text[i] == c && (!is_triple || text.substr(i).starts_with(triple))) break;
        ++i;
      }
      if (is_triple) i += 2;
    } else if (c == '`') {
      i = std::min(text.find('`', i + 1), text.size());
    } else if (c == '/' && text.substr(i).starts_with("//")) {
      i = text.find('\n', i);
      in_comment = i == std::string_view::npos;
      if (in_comment) return i;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

bool has_expression(std::string_view text) {
  for (std::size_t i = text.find("${"); i != std::string_view::npos; i = text.find("${", i + 2)) {
    if (i == 0 || text[i - 1] != '$') return true;
  }
  return false;
}

std::string plain_text(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("$${")) ++i;
    plain.push_back(text[i]);
  }
  return plain;
}

std::optional<std::vector<TemplatePiece>> split_template(std::string_view text,
                                                         Mistakes& mistakes) {
  std::vector<TemplatePiece> pieces;
  std::size_t plain_begin = 0;
  const auto add_plain = [&](std::size_t end) {
    if (end == plain_begin) return;
    pieces.push_back({false, plain_text(text.substr(plain_begin, end - plain_begin)),
                      static_cast<std::uint32_t>(plain_begin)});
  };
  for (std::size_t i = text.find('$'); i < text.size();) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("$${")) {
      i = text.find('$', i + 3);
      continue;
    }
    if (!rest.starts_with("${")) {
      i = text.find('$', i + 1);
      continue;
    }
    bool in_comment = false;
    const std::size_t end = closing_brace(text, i + 2, in_comment);
    if (end == std::string_view::npos) {
      mistakes.push_back({{0, static_cast<std::uint32_t>(i)},
                          "'${' without its '}'",
                          in_comment ? "'//' begins a comment that runs to the end of the line"
                                     : "close it with '}'; a plain '${' is written '$${'"});
      return std::nullopt;
    }
    add_plain(i);
    pieces.push_back(
        {true, std::string(text.substr(i + 2, end - i - 2)), static_cast<std::uint32_t>(i + 2)});
    plain_begin = end + 1;
    i = text.find('$', plain_begin);
  }
  add_plain(text.size());
  return pieces;
}

Syntax::Node Syntax::add(SyntaxNode node, std::span<const Node> children) {
  node.first = static_cast<std::uint32_t>(children_.size());
  node.count = static_cast<std::uint32_t>(children.size());
  for (const Node child : children) {
    children_.push_back(child);
    node.height = std::max<std::uint16_t>(node.height, nodes_[child].height + 1);
  }
  nodes_.push_back(std::move(node));
  return static_cast<Node>(nodes_.size() - 1);
}

std::optional<Syntax::Node> Syntax::parse(std::string_view text, Spot begin, Mistakes& mistakes) {
  if (text.size() > kTextMax) {
    mistakes.push_back({begin, fmt::format("the expression is longer than {} KiB", kTextMax >> 10),
                        "put a part of it into a `set` step"});
    return std::nullopt;
  }
  if (!is_utf8(text)) {
    mistakes.push_back({begin, "the expression is not valid UTF-8", ""});
    return std::nullopt;
  }
  return Parser(*this, text, begin, mistakes).parse();
}

std::optional<Syntax::Node> Syntax::add_expression(std::string_view text, Mistakes& mistakes) {
  return parse(text, {texts_++, 0}, mistakes);
}

std::optional<Syntax::Node> Syntax::add_template(std::string_view text, Mistakes& mistakes) {
  const Spot begin{texts_++, 0};
  if (!has_expression(text)) return add({.spot = begin, .constant = Json(plain_text(text))}, {});
  if (text.size() > kTemplateMax) {
    mistakes.push_back({begin, "a text with '${' is longer than 1 MiB", ""});
    return std::nullopt;
  }
  const auto pieces = split_template(text, mistakes);
  if (!pieces) {
    mistakes.back().spot.text = begin.text;
    return std::nullopt;
  }
  std::vector<Node> children;
  for (const TemplatePiece& piece : *pieces) {
    const Spot spot{begin.text, piece.offset};
    if (!piece.is_expression) {
      children.push_back(add({.spot = spot, .constant = Json(piece.text)}, {}));
      continue;
    }
    const auto tree = parse(piece.text, spot, mistakes);
    if (!tree) return std::nullopt;
    children.push_back(*tree);
  }
  if (pieces->size() == 1) return children[0];
  return add_bounded({.kind = SyntaxKind::kText, .spot = begin}, children, mistakes);
}

Syntax::Node Syntax::add_constant(const Json& value) {
  return add({.spot = {texts_++, 0}, .constant = value}, {});
}

std::optional<Syntax::Node> Syntax::add_json(const Json& value, Mistakes& mistakes) {
  if (const auto* text = value.as_string()) return add_template(*text, mistakes);
  // The depth of a Json is bounded where it is read, far below the stack's.
  if (const auto* list = value.as_list()) {
    std::vector<Node> elements;
    bool is_good = true;
    for (const Json& element : *list) {
      const auto node = add_json(element, mistakes);
      is_good = is_good && node;
      elements.push_back(node.value_or(0));
    }
    if (!is_good) return std::nullopt;
    return add_list(elements, mistakes);
  }
  if (const auto* map = value.as_map()) {
    std::vector<std::pair<std::string, Node>> members;
    bool is_good = true;
    for (const auto& [key, member] : *map) {
      const auto node = add_json(member, mistakes);
      is_good = is_good && node;
      members.emplace_back(key, node.value_or(0));
    }
    if (!is_good) return std::nullopt;
    return add_map(members, mistakes);
  }
  return add_constant(value);
}

std::optional<Syntax::Node> Syntax::add_bounded(SyntaxNode node, std::span<const Node> children,
                                                Mistakes& mistakes) {
  std::uint16_t height = 0;
  for (const Node child : children) height = std::max(height, nodes_[child].height);
  if (height >= kHeightMax) {
    mistakes.push_back({node.spot, fmt::format("nested deeper than {} levels", kHeightMax), ""});
    return std::nullopt;
  }
  return add(std::move(node), children);
}

std::optional<Syntax::Node> Syntax::add_list(std::span<const Node> elements, Mistakes& mistakes) {
  const Spot spot = elements.empty() ? Spot{texts_++, 0} : nodes_[elements[0]].spot;
  return add_bounded({.kind = SyntaxKind::kList, .spot = spot}, elements, mistakes);
}

std::optional<Syntax::Node> Syntax::add_map(std::span<const std::pair<std::string, Node>> members,
                                            Mistakes& mistakes) {
  const Spot spot = members.empty() ? Spot{texts_++, 0} : nodes_[members[0].second].spot;
  std::vector<Node> children;
  for (const auto& [key, value] : members) {
    children.push_back(add({.spot = nodes_[value].spot, .constant = Json(key)}, {}));
    children.push_back(value);
  }
  return add_bounded({.kind = SyntaxKind::kMap, .spot = spot}, children, mistakes);
}

}  // namespace sluice::expr

#include "model/internal/mentions.h"

namespace sluice::model {
namespace {

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void collect_from_expression(std::string_view inside, std::vector<Mention>& mentions) {
  char quote = 0;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    const char c = inside[i];
    if (quote != 0) {
      if (c == '\\')
        ++i;
      else if (c == quote)
        quote = 0;
      continue;
    }
    if (c == '"' || c == '\'') {
      quote = c;
      continue;
    }
    if (!is_word_char(c)) continue;
    std::size_t end = i;
    while (end < inside.size() && is_word_char(inside[end])) ++end;
    const std::string_view owner = inside.substr(i, end - i);
    const bool is_field = i > 0 && inside[i - 1] == '.';
    i = end - 1;
    if (is_field || end >= inside.size() || inside[end] != '.') continue;
    std::size_t last = end + 1;
    while (last < inside.size() && is_word_char(inside[last])) ++last;
    if (last > end + 1) {
      mentions.push_back({std::string(owner), std::string(inside.substr(end + 1, last - end - 1))});
    }
  }
}

}  // namespace

// Generous: what has no end is read to the end of the text, since only its names are wanted.
void collect_mentions(std::string_view text, std::vector<Mention>& mentions) {
  for (std::size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", at)) {
    at += 2;
    if (at > 2 && text[at - 3] == '$') continue;
    const std::size_t end = text.find("${", at);
    collect_from_expression(text.substr(at, end == std::string_view::npos ? end : end - at),
                            mentions);
  }
}

}  // namespace sluice::model

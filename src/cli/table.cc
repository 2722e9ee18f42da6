#include "cli/table.h"

#include <algorithm>

#include "cli/terminal.h"

namespace sluice::cli {
namespace {

bool is_plain_scalar(const std::string& text) {
  static const std::vector<std::string> kReserved{"null", "true", "false", "yes", "no",
                                                  "on",   "off",  "y",     "n"};
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (text.empty() || text.size() > 200 || !is_letter(text.front()) || text.back() == ' ')
    return false;
  const auto is_inner = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '/' || c == ' ';
  };
  if (!std::all_of(text.begin(), text.end(), is_inner)) return false;
  std::string lower = text;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return std::find(kReserved.begin(), kReserved.end(), lower) == kReserved.end();
}

// A JSON string is a double-quoted YAML scalar.
std::string scalar(const Json& value) {
  const std::string* text = value.as_string();
  return text != nullptr && is_plain_scalar(*text) ? *text : to_text(value);
}

bool is_block(const Json& value) {
  return (value.as_list() != nullptr && !value.as_list()->empty()) ||
         (value.as_map() != nullptr && !value.as_map()->empty());
}

void write_yaml(const Json& value, std::size_t indent, bool continues_line, std::string& out) {
  const std::string margin(indent, ' ');
  bool is_first = continues_line;
  const auto start_line = [&] {
    if (!is_first) out += margin;
    is_first = false;
  };
  if (const Json::List* list = value.as_list(); list != nullptr && !list->empty()) {
    for (const Json& item : *list) {
      start_line();
      out += "- ";
      write_yaml(item, indent + 2, true, out);
    }
  } else if (const Json::Map* map = value.as_map(); map != nullptr && !map->empty()) {
    for (const auto& [key, member] : *map) {
      start_line();
      out += scalar(Json(key)) + ':';
      if (is_block(member)) {
        out += '\n' + std::string(indent + 2, ' ');
        write_yaml(member, indent + 2, true, out);
      } else {
        out += ' ' + scalar(member) + '\n';
      }
    }
  } else {
    out += scalar(value) + '\n';
  }
}

}  // namespace

std::string to_table(const std::vector<std::string>& headers,
                     const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> lines{headers};
  for (const auto& row : rows) {
    std::vector<std::string>& line = lines.emplace_back();
    for (std::size_t i = 0; i < headers.size(); ++i) {
      line.push_back(i < row.size() ? printable_line(row[i]) : std::string());
    }
  }
  std::vector<std::size_t> widths(headers.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], display_width(line[i]));
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - display_width(line[i]) + 2, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  }
  return out;
}

std::string to_yaml(const Json& value) {
  std::string out;
  write_yaml(value, 0, false, out);
  return out;
}

}  // namespace sluice::cli

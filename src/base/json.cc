#include "base/json.h"

#include <cmath>
#include <limits>
#include <unordered_set>

#include <nlohmann/json.hpp>

namespace sluice {
namespace {

using Dom = nlohmann::ordered_json;

// Builds a Json from nlohmann's events. The stack is ours, so depth is bounded and no recursion of
// the parser's input reaches the machine's stack.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(std::size_t depth_max) : depth_max_(depth_max) {}

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(number_integer_t value) override { return add(Json(std::int64_t{value})); }
  bool number_unsigned(number_unsigned_t value) override { return add(Json(std::uint64_t{value})); }
  bool number_float(number_float_t value, const string_t& text) override {
    if (!std::isfinite(value))
      return refuse(fmt::format("the number {} does not fit a double", text.substr(0, 40)));
    return add(Json(value));
  }
  bool string(string_t& value) override { return add(Json(std::move(value))); }
  bool binary(binary_t&) override { return refuse("binary value"); }
  bool start_object(std::size_t) override { return open(Json::map(), true); }
  bool start_array(std::size_t) override { return open(Json::list(), false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    Level& level = stack_.back();
    if (!level.keys.insert(name).second)
      return refuse(fmt::format("the key '{}' appears twice", name.substr(0, 64)));
    level.key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error …"
    std::string text = error.what();
    if (const auto at = text.find("] "); at != std::string::npos) text = text.substr(at + 2);
    if (text.starts_with("parse error at ")) text = text.substr(15);
    return refuse(text.substr(0, 300));
  }

  std::string& error() { return error_; }
  Json& root() { return root_; }

 private:
  struct Level {
    Json value;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  bool refuse(std::string why) {
    if (error_.empty()) error_ = std::move(why);
    return false;
  }
  bool add(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Level& level = stack_.back();
    if (auto* map = level.value.as_map()) {
      map->emplace_back(std::move(level.key), std::move(value));
    } else {
      level.value.as_list()->push_back(std::move(value));
    }
    return true;
  }
  bool open(Json value, bool) {
    if (stack_.size() >= depth_max_)
      return refuse(fmt::format("nested deeper than {} levels", depth_max_));
    stack_.push_back(Level{.value = std::move(value), .key = {}, .keys = {}});
    return true;
  }
  bool close() {
    Json value = std::move(stack_.back().value);
    stack_.pop_back();
    return add(std::move(value));
  }

  std::size_t depth_max_;
  std::vector<Level> stack_;
  Json root_;
  std::string error_;
};

void write_string(const std::string& text, std::string& out) {
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Recursion is bounded by the depth limit of the reader; values built in code are shallow.
void write(const Json& value, int indent, int level, std::string& out) {
  const auto line_break = [&](int to) {
    if (indent < 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(indent * to), ' ');
  };
  if (const bool* b = value.as_bool()) {
    out += *b ? "true" : "false";
  } else if (const auto* i = value.as_int()) {
    fmt::format_to(std::back_inserter(out), "{}", *i);
  } else if (const double* d = value.as_double()) {
    std::string text = std::isfinite(*d) ? fmt::format("{}", *d) : "null";
    // A double stays a double when it is read again.
    if (text.find_first_of(".en") == std::string::npos) text += ".0";
    out += text;
  } else if (const auto* s = value.as_string()) {
    write_string(*s, out);
  } else if (const auto* list = value.as_list()) {
    out += '[';
    for (std::size_t n = 0; n < list->size(); ++n) {
      if (n > 0) out += ',';
      line_break(level + 1);
      write((*list)[n], indent, level + 1, out);
    }
    if (!list->empty()) line_break(level);
    out += ']';
  } else if (const auto* map = value.as_map()) {
    out += '{';
    for (std::size_t n = 0; n < map->size(); ++n) {
      if (n > 0) out += ',';
      line_break(level + 1);
      write_string((*map)[n].first, out);
      out += indent < 0 ? ":" : ": ";
      write((*map)[n].second, indent, level + 1, out);
    }
    if (!map->empty()) line_break(level);
    out += '}';
  } else {
    out += "null";
  }
}

}  // namespace

Json::Json(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    value_ = static_cast<std::int64_t>(value);
  } else {
    value_ = static_cast<double>(value);
  }
}

const Json* Json::find(std::string_view key) const {
  const Map* map = as_map();
  if (map == nullptr) return nullptr;
  for (const Member& member : *map) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Map{};
  Map& map = std::get<Map>(value_);
  for (Member& member : map) {
    if (member.first == key) {
      member.second = std::move(value);
      return *this;
    }
  }
  map.emplace_back(std::string(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = List{};
  std::get<List>(value_).push_back(std::move(value));
  return *this;
}

std::string_view Json::type_name() const {
  constexpr std::string_view kNames[] = {"null", "bool", "int", "double", "string", "list", "map"};
  return kNames[value_.index()];
}

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("JSON of {} bytes; at most {} are parsed", text.size(), limits.bytes));
  }
  Builder builder(limits.depth);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("not valid JSON: {}", builder.error()));
  }
  return std::move(builder.root());
}

std::string to_text(const Json& value) {
  std::string out;
  write(value, -1, 0, out);
  return out;
}

std::string to_pretty_text(const Json& value) {
  std::string out;
  write(value, 2, 0, out);
  return out;
}

bool is_utf8(std::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = p + bytes.size();
  while (p < end) {
    if (*p < 0x80) {
      ++p;
      continue;
    }
    std::size_t extra = 0;
    std::uint32_t code = 0;
    std::uint32_t least = 0;
    if ((*p & 0xe0) == 0xc0) {
      extra = 1, code = *p & 0x1fU, least = 0x80;
    } else if ((*p & 0xf0) == 0xe0) {
      extra = 2, code = *p & 0x0fU, least = 0x800;
    } else if ((*p & 0xf8) == 0xf0) {
      extra = 3, code = *p & 0x07U, least = 0x10000;
    } else {
      return false;
    }
    if (static_cast<std::size_t>(end - p) <= extra) return false;
    for (std::size_t i = 1; i <= extra; ++i) {
      if ((p[i] & 0xc0) != 0x80) return false;
      code = (code << 6) | (p[i] & 0x3fU);
    }
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    p += extra + 1;
  }
  return true;
}

}  // namespace sluice

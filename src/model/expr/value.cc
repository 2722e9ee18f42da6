#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/check.h"
#include "model/expr/value_access.h"

namespace sluice::expr {
namespace {

using V = ValueAccess;

// The text of the key of a member as JSON wants it.
std::string key_text(const Value& key) {
  if (key.kind() == Value::Kind::kInt) return fmt::format("{}", key.as_int());
  if (key.kind() == Value::Kind::kBool) return key.as_bool() ? "true" : "false";
  return std::string(key.as_text());
}

bool is_number(const Value& v) {
  return v.kind() == Value::Kind::kInt || v.kind() == Value::Kind::kDouble;
}

// Finds the member with this key; members are mostly in the same order on both sides.
const Value* find_member(const Value& map, const Value& key, std::size_t guess, Value& scratch,
                         Meter& meter) {
  const std::size_t count = map.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = (guess + i) % count;
    if (meter.is_spent()) return nullptr;
    if (!is_equal(map.key(at), key, meter)) continue;
    scratch = map.member(at);
    return &scratch;
  }
  return nullptr;
}

bool append_list(std::string& out, const Value& what, std::size_t bytes_max,
                 std::string_view& problem) {
  out.push_back('[');
  for (std::size_t i = 0; i < what.size(); ++i) {
    if (i > 0) out.push_back(',');
    if (!append_json(out, what.at(i), bytes_max, problem)) return false;
  }
  out.push_back(']');
  return out.size() <= bytes_max;
}

bool append_map(std::string& out, const Value& what, std::size_t bytes_max,
                std::string_view& problem) {
  out.push_back('{');
  bool has_others = false;
  for (std::size_t i = 0; i < what.size(); ++i) {
    if (i > 0) out.push_back(',');
    has_others = has_others || what.key(i).kind() != Value::Kind::kText;
    out += to_text(Json(key_text(what.key(i))));
    out.push_back(':');
    if (!append_json(out, what.member(i), bytes_max, problem)) return false;
  }
  out.push_back('}');
  if (!has_others) return true;
  // 1 and '1' are different keys here, but not in JSON.
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < what.size(); ++i) keys.push_back(key_text(what.key(i)));
  std::ranges::sort(keys);
  if (std::ranges::adjacent_find(keys) == keys.end()) return true;
  problem = "two keys of a map are the same text in JSON";
  return false;
}

}  // namespace

Value::Kind Value::kind() const {
  switch (V::tag(*this)) {
    case Tag::kJsonList:
    case Tag::kRange:
      return Kind::kList;
    case Tag::kJsonMap:
      return Kind::kMap;
    case Tag::kPresent:
      return Kind::kRef;
    case Tag::kUnknown:
    case Tag::kError:
      return Kind::kHole;
    case Tag::kNull:
    case Tag::kBool:
    case Tag::kInt:
    case Tag::kDouble:
    case Tag::kText:
    case Tag::kList:
    case Tag::kMap:
    case Tag::kType:
    case Tag::kRef:
    case Tag::kHole:
      return static_cast<Kind>(tag_);
  }
  return Kind::kNull;
}

std::string_view Value::as_text() const { return {text_, number_}; }

std::size_t Value::size() const {
  switch (V::tag(*this)) {
    case Tag::kJsonList:
      return V::json_list(*this).size();
    case Tag::kJsonMap:
      return V::json_map(*this).size();
    case Tag::kRange:
      return static_cast<std::size_t>(int_);
    case Tag::kList:
      return list_->count;
    case Tag::kMap:
      return map_->count;
    case Tag::kNull:
    case Tag::kBool:
    case Tag::kInt:
    case Tag::kDouble:
    case Tag::kText:
    case Tag::kType:
    case Tag::kRef:
    case Tag::kHole:
    case Tag::kPresent:
    case Tag::kUnknown:
    case Tag::kError:
      return 0;
  }
  return 0;
}

Value Value::at(std::size_t index) const {
  SLUICE_DEBUG_ASSERT(index < size());
  if (V::tag(*this) == Tag::kJsonList) return V::of_json(V::json_list(*this)[index]);
  if (V::tag(*this) == Tag::kRange) return V::make_int(static_cast<std::int64_t>(index));
  return list_->items[index];
}

Value Value::key(std::size_t index) const {
  SLUICE_DEBUG_ASSERT(index < size());
  if (V::tag(*this) == Tag::kJsonMap) return V::make_text(V::json_map(*this)[index].first);
  return map_->keys[index];
}

Value Value::member(std::size_t index) const {
  SLUICE_DEBUG_ASSERT(index < size());
  if (V::tag(*this) == Tag::kJsonMap) return V::of_json(V::json_map(*this)[index].second);
  return map_->values[index];
}

Value ValueAccess::of_json(const Json& json) {
  if (json.is_null()) return make(Tag::kNull);
  if (const auto* text = json.as_string()) return make_text(*text);
  if (const auto* number = json.as_int()) return make_int(*number);
  if (const auto* number = json.as_double()) return make_double(*number);
  if (const auto* value = json.as_bool()) return make_bool(*value);
  Value v = make(json.as_list() ? Tag::kJsonList : Tag::kJsonMap);
  v.json_ = &json;
  return v;
}

std::string_view type_name(Tag tag) {
  switch (tag) {
    case Tag::kNull:
    case Tag::kHole:
      return "null_type";
    case Tag::kBool:
      return "bool";
    case Tag::kInt:
      return "int";
    case Tag::kDouble:
      return "double";
    case Tag::kText:
      return "string";
    case Tag::kList:
    case Tag::kJsonList:
    case Tag::kRange:
    case Tag::kPresent:
    case Tag::kRef:  // What was loaded and still is a reference is a list.
      return "list";
    case Tag::kMap:
    case Tag::kJsonMap:
      return "map";
    case Tag::kType:
      return "type";
    case Tag::kUnknown:
    case Tag::kError:
      return "unknown";
  }
  return "unknown";
}

bool is_equal(const Value& a, const Value& b, Meter& meter) {
  using Kind = Value::Kind;
  ++meter.used;
  if (is_number(a) && is_number(b)) {
    if (a.kind() == Kind::kInt && b.kind() == Kind::kInt) return a.as_int() == b.as_int();
    const double x = a.kind() == Kind::kInt ? static_cast<double>(a.as_int()) : a.as_double();
    const double y = b.kind() == Kind::kInt ? static_cast<double>(b.as_int()) : b.as_double();
    return x == y;
  }
  const Kind kind = a.kind() == Kind::kHole ? Kind::kNull : a.kind();
  if (kind != (b.kind() == Kind::kHole ? Kind::kNull : b.kind())) return false;
  switch (kind) {
    case Kind::kBool:
      return a.as_bool() == b.as_bool();
    case Kind::kText:
    case Kind::kType:
      meter.used += std::min(a.as_text().size(), b.as_text().size()) / 64;
      return a.as_text() == b.as_text();
    case Kind::kList:
      if (a.size() != b.size()) return false;
      for (std::size_t i = 0; i < a.size(); ++i) {
        if (meter.is_spent() || !is_equal(a.at(i), b.at(i), meter)) return false;
      }
      return true;
    case Kind::kMap:
      if (a.size() != b.size()) return false;
      for (std::size_t i = 0; i < a.size(); ++i) {
        Value scratch;
        const Value* other = find_member(b, a.key(i), i, scratch, meter);
        if (!other || !is_equal(a.member(i), *other, meter)) return false;
      }
      return true;
    case Kind::kNull:
    case Kind::kHole:
    case Kind::kInt:
    case Kind::kDouble:
    case Kind::kRef:
      return true;
  }
  return true;
}

bool append_json(std::string& out, const Value& what, std::size_t bytes_max,
                 std::string_view& problem) {
  using Kind = Value::Kind;
  switch (what.kind()) {
    case Kind::kNull:
    case Kind::kHole:
      out += "null";
      break;
    case Kind::kBool:
      out += what.as_bool() ? "true" : "false";
      break;
    case Kind::kInt:
      fmt::format_to(std::back_inserter(out), "{}", what.as_int());
      break;
    case Kind::kDouble:
      if (!std::isfinite(what.as_double())) {
        problem = "NaN and infinity are no values";
        return false;
      }
      out += to_text(Json(what.as_double()));
      break;
    case Kind::kText:
    case Kind::kType:
      if (out.size() + what.as_text().size() > bytes_max) return false;
      out += to_text(Json(what.as_text()));
      break;
    case Kind::kList:
      return append_list(out, what, bytes_max, problem);
    case Kind::kMap:
      return append_map(out, what, bytes_max, problem);
    case Kind::kRef:
      problem = "a reference that was not read";
      return false;
  }
  return out.size() <= bytes_max;
}

Result<std::string> to_json_text(const Value& value, std::size_t bytes_max) {
  std::string out;
  std::string_view problem;
  if (append_json(out, value, bytes_max, problem)) return out;
  if (!problem.empty()) return fail(ErrorCode::kInvalidArgument, std::string(problem));
  return fail(ErrorCode::kResourceExhausted,
              fmt::format("the value is larger than {} bytes as JSON", bytes_max));
}

Result<Json> to_json(const Value& value, std::size_t bytes_max) {
  SLUICE_TRY(const std::string text, to_json_text(value, bytes_max));
  // Lists of a value nest no deeper than trees and documents do.
  return parse_json(text, {.bytes = bytes_max, .depth = 1024});
}

}  // namespace sluice::expr

#include "node/values.h"

#include <cmath>
#include <cstdlib>

#include "wire/abi.h"

namespace sluice::node {
namespace {

Error wrong(std::string_view what, std::string_view wanted, const Json& got) {
  std::string shown = to_text(got);
  if (shown.size() > 60) shown = shown.substr(0, 57) + "…";
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("{} must be {}, not {} ({})", what, wanted, got.type_name(), shown));
}

// {"$base64": "…"} with nothing else but perhaps "name": how JSON carries bytes that are not UTF-8.
const std::string* base64_of(const Json& json) {
  const Json* encoded = json.find("$base64");
  return encoded == nullptr ? nullptr : encoded->as_string();
}

Result<Value> bytes_value(const Json& json, std::uint8_t kind, std::string_view what) {
  Value value{.meta = {.kind = kind, .name = {}, .file_mode = 0}, .bytes = {}};
  if (const auto* text = json.as_string()) {
    value.bytes = *text;
    return value;
  }
  if (const auto* encoded = base64_of(json)) {
    Result<std::string> decoded = from_base64(*encoded);
    if (!decoded) return fail(std::move(decoded).error().wrap(what));
    value.bytes = std::move(*decoded);
    if (const Json* name = json.find("name"); name != nullptr && name->as_string() != nullptr) {
      const std::string& text = *name->as_string();
      value.meta.name = text.substr(text.rfind('/') + 1).substr(0, 255);
    }
    return value;
  }
  return fail(wrong(what, "a string, or {\"$base64\": …}", json));
}

}  // namespace

std::uint8_t wire_kind(const model::Type& type) {
  switch (type.kind) {
    case model::Kind::kBytes:
      return SLUICE_KIND_BYTES;
    case model::Kind::kText:
      return SLUICE_KIND_TEXT;
    case model::Kind::kArray:
      return SLUICE_KIND_ARRAY;
    case model::Kind::kFile:
      return SLUICE_KIND_FILE;
    case model::Kind::kAny:
    case model::Kind::kJson:
    case model::Kind::kInt:
    case model::Kind::kFloat:
    case model::Kind::kBool:
      return SLUICE_KIND_JSON;
  }
  std::abort();
}

Result<Value> value_from_json(const Json& json, const model::Type& type, std::string_view what) {
  const auto as_json = [&](const Json& value) {
    return Value{.meta = {.kind = SLUICE_KIND_JSON, .name = {}, .file_mode = 0},
                 .bytes = to_text(value)};
  };
  switch (type.kind) {
    case model::Kind::kBytes:
      return bytes_value(json, SLUICE_KIND_BYTES, what);
    case model::Kind::kFile:
      return bytes_value(json, SLUICE_KIND_FILE, what);
    case model::Kind::kArray:
      if (base64_of(json) == nullptr)
        return fail(wrong(what, "a .npy file as {\"$base64\": …}", json));
      return bytes_value(json, SLUICE_KIND_ARRAY, what);
    case model::Kind::kText: {
      if (json.as_string() == nullptr) return fail(wrong(what, "a string", json));
      return Value{.meta = {.kind = SLUICE_KIND_TEXT, .name = {}, .file_mode = 0},
                   .bytes = *json.as_string()};
    }
    case model::Kind::kInt: {
      if (json.as_int() != nullptr) return as_json(json);
      const double* number = json.as_double();
      if (number != nullptr && std::trunc(*number) == *number && std::abs(*number) < 0x1p63) {
        return as_json(Json(static_cast<std::int64_t>(*number)));
      }
      return fail(wrong(what, "an integer of 64 bits", json));
    }
    case model::Kind::kFloat:
      if (json.as_int() == nullptr && json.as_double() == nullptr)
        return fail(wrong(what, "a number", json));
      return as_json(json);
    case model::Kind::kBool:
      if (json.as_bool() == nullptr) return fail(wrong(what, "true or false", json));
      return as_json(json);
    case model::Kind::kAny:
    case model::Kind::kJson:
      return as_json(json);
  }
  std::abort();
}

bool is_looked_into(const model::Type& type) {
  switch (type.kind) {
    case model::Kind::kText:
    case model::Kind::kJson:
    case model::Kind::kInt:
    case model::Kind::kFloat:
    case model::Kind::kBool:
      return true;
    case model::Kind::kAny:
    case model::Kind::kBytes:
    case model::Kind::kArray:
    case model::Kind::kFile:
      return false;
  }
  std::abort();
}

Status check_bytes(std::string_view bytes, const model::Type& type, std::string_view what) {
  if (!is_looked_into(type)) return {};
  if (type.kind == model::Kind::kText) {
    if (is_utf8(bytes)) return {};
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not valid UTF-8: give it the type bytes, or convert it", what));
  }
  Result<Json> json = parse_json(bytes);
  if (!json) return fail(std::move(json).error().wrap(what));
  Result<Value> value = value_from_json(*json, type, what);
  if (!value) return fail(std::move(value).error());
  return {};
}

std::string content_type(const store::Meta& meta) {
  if (meta.kind == SLUICE_KIND_JSON) return "application/json";
  if (meta.kind == SLUICE_KIND_TEXT) return "text/plain; charset=utf-8";
  return "application/octet-stream";
}

}  // namespace sluice::node

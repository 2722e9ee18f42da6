#pragma once

// Between JSON and the values of ports (contracts: values): what a client's JSON becomes for an
// input of a type, and how a kept value is shown in a document.

#include <string>

#include "base/base64.h"
#include "base/json.h"
#include "base/result.h"
#include "model/type.h"
#include "store/store.h"

namespace sluice::node {

struct Value {
  store::Meta meta;
  std::string bytes;
};

// One plain value (the type must not be a list). `what` names it in the error: "input 'text'".
Result<Value> value_from_json(const Json& json, const model::Type& type, std::string_view what);
// Checks bytes that came raw (an upload, a worker) against the type, where the kind must be looked
// into: text is UTF-8, int, float, bool and json parse. Others pass unread.
Status check_bytes(std::string_view bytes, const model::Type& type, std::string_view what);
// Whether check_bytes has to see the bytes at all.
bool is_looked_into(const model::Type& type);
// The wire kind of values of a port of this type.
std::uint8_t wire_kind(const model::Type& type);

// "application/json", "text/plain; charset=utf-8", "application/octet-stream".
std::string content_type(const store::Meta& meta);

}  // namespace sluice::node

#include "evaluate/new_value.h"

#include <cmath>
#include <cstdlib>
#include <string_view>

namespace sluice::evaluate {
namespace {

std::string_view name_of(const expr::Value& value) {
  switch (value.kind()) {
    case expr::Value::Kind::kNull:
      return "null";
    case expr::Value::Kind::kBool:
      return "a bool";
    case expr::Value::Kind::kInt:
      return "an int";
    case expr::Value::Kind::kDouble:
      return "a double";
    case expr::Value::Kind::kText:
      return "a text";
    case expr::Value::Kind::kList:
      return "a list";
    case expr::Value::Kind::kMap:
      return "a map";
    case expr::Value::Kind::kType:
      return "a type";
    case expr::Value::Kind::kRef:
    case expr::Value::Kind::kHole:
      return "nothing";
  }
  std::abort();
}

}  // namespace

Result<Made> make_value(const expr::Value& value, const model::Type& type) {
  using Kind = expr::Value::Kind;
  const Kind kind = value.kind();
  const auto wrong = [&](std::string_view wanted) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the value must be {}, not {}", wanted, name_of(value)));
  };
  const auto as_json = [&]() -> Result<Made> {
    SLUICE_TRY(std::string text, expr::to_json_text(value, kValueBytesMax));
    return Made{.kind = model::Kind::kJson, .bytes = std::move(text)};
  };
  switch (type.kind) {
    case model::Kind::kText:
    case model::Kind::kBytes:
      if (kind != Kind::kText) return wrong("a text");
      return Made{.kind = type.kind, .bytes = std::string(value.as_text())};
    case model::Kind::kInt: {
      if (kind == Kind::kInt) return as_json();
      const double number = kind == Kind::kDouble ? value.as_double() : 0.5;
      if (std::trunc(number) != number || std::abs(number) >= 0x1p63)
        return wrong("an integer of 64 bits");
      return Made{.kind = model::Kind::kJson,
                  .bytes = fmt::format("{}", static_cast<std::int64_t>(number))};
    }
    case model::Kind::kFloat:
      if (kind != Kind::kInt && kind != Kind::kDouble) return wrong("a number");
      return as_json();
    case model::Kind::kBool:
      if (kind != Kind::kBool) return wrong("true or false");
      return as_json();
    case model::Kind::kArray:
    case model::Kind::kFile:
      return wrong("an array or a file that a function made");
    case model::Kind::kAny:
      if (kind == Kind::kText)
        return Made{.kind = model::Kind::kText, .bytes = std::string(value.as_text())};
      return as_json();
    case model::Kind::kJson:
      return as_json();
  }
  std::abort();
}

}  // namespace sluice::evaluate

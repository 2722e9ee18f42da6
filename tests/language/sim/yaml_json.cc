#include "yaml_json.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "model/mistake.h"
#include "model/report.h"
#include "model/yaml.h"

namespace sluice::language {
namespace {

Json to_json(const model::YamlValue& value) {
  switch (value.kind) {
    case model::YamlValue::Kind::kScalar:
      return model::scalar_to_json(value).value_or(Json());
    case model::YamlValue::Kind::kList: {
      Json list = Json::list();
      for (const model::YamlValue& item : value.items) list.push(to_json(item));
      return list;
    }
    case model::YamlValue::Kind::kMap: {
      Json map = Json::map();
      for (const model::YamlMember& member : value.members)
        map.set(member.key, to_json(member.value));
      return map;
    }
    case model::YamlValue::Kind::kBroken:
      break;
  }
  return {};
}

std::optional<double> number(const Json& value) {
  if (const std::int64_t* integer = value.as_int()) return static_cast<double>(*integer);
  if (const double* real = value.as_double()) return *real;
  return std::nullopt;
}

}  // namespace

Result<Json> yaml_to_json(std::string_view text, const std::string& name) {
  model::Mistakes mistakes;
  model::Report report(mistakes, name);
  const auto tree = model::parse_yaml(text, Limits{}, report);
  if (!mistakes.empty()) return fail(ErrorCode::kInvalidArgument, model::to_text(mistakes.front()));
  return to_json(*tree);
}

bool same(const Json& a, const Json& b) {
  if (a.as_int() != nullptr && b.as_int() != nullptr) return *a.as_int() == *b.as_int();
  if (number(a) && number(b)) return *number(a) == *number(b);
  if (a.as_list() != nullptr && b.as_list() != nullptr)
    return std::ranges::equal(*a.as_list(), *b.as_list(), same);
  if (a.as_map() == nullptr || b.as_map() == nullptr) return a == b;
  if (a.as_map()->size() != b.as_map()->size()) return false;
  return std::ranges::all_of(*a.as_map(), [&b](const Json::Member& member) {
    const Json* other = b.find(member.first);
    return other != nullptr && same(member.second, *other);
  });
}

}  // namespace sluice::language

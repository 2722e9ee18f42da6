#include "model/schema.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "model/keys.h"

namespace sluice::model {
namespace {

// Durations and sizes as base/units.h reads them.
constexpr std::string_view kDurationPattern = "^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$";
constexpr std::string_view kSizePattern = "^[0-9]+(\\.[0-9]+)?([kKMGT]i?)?B?$";
constexpr std::string_view kTypePattern =
    "^\\s*((list|optional|stream)\\s*<\\s*)*(bytes|text|json|int|float|bool|array|file|any|pipe)"
    "(\\s*>)*\\s*$";
constexpr std::string_view kExpressionPattern = "\\$\\{";
constexpr std::array kSections{Section::kFunction, Section::kPort,    Section::kResources,
                               Section::kRetry,    Section::kWorkers, Section::kWorkflow,
                               Section::kStep,     Section::kFailure, Section::kBranch,
                               Section::kClause,   Section::kProduct};

std::string_view definition_of(Section section) {
  switch (section) {
    case Section::kApp:
      return "app";
    case Section::kFunction:
      return "function";
    case Section::kPort:
      return "port";
    case Section::kResources:
      return "resources";
    case Section::kRetry:
      return "retry";
    case Section::kWorkers:
      return "workers";
    case Section::kWorkflow:
      return "workflow";
    case Section::kStep:
      return "step";
    case Section::kFailure:
      return "failure";
    case Section::kBranch:
      return "branch";
    case Section::kClause:
      return "clause";
    case Section::kProduct:
      return "product";
  }
  std::abort();  // Every section is named above.
}

Json of_type(std::string_view type) { return Json().set("type", type); }

Json texts(std::string_view pattern) { return of_type("string").set("pattern", pattern); }

Json list_of(Json items) { return of_type("array").set("items", std::move(items)); }

Json any_of(Json::List alternatives) { return Json().set("anyOf", std::move(alternatives)); }

Json reference(Section section) {
  return Json().set("$ref", "#/$defs/" + std::string(definition_of(section)));
}

// A map whose values are all of one kind; `names`: the pattern of its keys.
Json map_of(Json values, std::string_view names) {
  Json map = of_type("object");
  map.set("additionalProperties", std::move(values));
  map.set("propertyNames", Json().set("pattern", names));
  return map;
}

// What a plain word may be in YAML: `2`, `true` and `1.5` are words, too.
Json word(const Key& key) {
  if (key.pattern.empty()) return Json().set("type", Json::List{"string", "number", "boolean"});
  return any_of({texts(key.pattern), of_type("integer")});
}

Json choice(std::string_view choices) {
  Json list = Json::list();
  while (!choices.empty()) {
    const std::size_t bar = std::min(choices.find('|'), choices.size());
    list.push(Json(choices.substr(0, bar)));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return Json().set("enum", std::move(list));
}

Json number(const Key& key, std::string_view type) {
  const auto limit = [](double value) {
    return std::trunc(value) == value ? Json(static_cast<std::int64_t>(value)) : Json(value);
  };
  return of_type(type).set("minimum", limit(key.least)).set("maximum", limit(key.most));
}

Json ports() {
  return map_of(any_of({texts(kTypePattern), reference(Section::kPort), of_type("null")}),
                kIdentifierPattern);
}

Json scalar() { return Json().set("type", Json::List{"string", "number", "boolean", "null"}); }

Json of_shape(const Key& key) {
  switch (key.shape) {
    case KeyShape::kWord:
      return word(key);
    case KeyShape::kChoice:
      return choice(key.choices);
    case KeyShape::kDuration:
      return texts(kDurationPattern);
    case KeyShape::kSize:
      return any_of({texts(kSizePattern), number({.least = 1, .most = 9e15}, "integer")});
    case KeyShape::kNumber:
      return number(key, "number");
    case KeyShape::kCount:
      return number(key, "integer");
    case KeyShape::kFlag:
      return of_type("boolean");
    case KeyShape::kWords:
      return list_of(of_type("string"));
    case KeyShape::kTexts:
      return map_of(scalar(), "^[^=]+$");
    case KeyShape::kType:
      return any_of({texts(kTypePattern), of_type("null")});
    case KeyShape::kPorts:
      return any_of({ports(), of_type("null")});
    case KeyShape::kLiteral:
    case KeyShape::kValue:
      return Json::map();
    case KeyShape::kText:
      return of_type("string");
    case KeyShape::kCondition:
      return any_of({texts(kExpressionPattern), of_type("boolean")});
    case KeyShape::kValues:
      return any_of({map_of(Json::map(), kIdentifierPattern), of_type("null")});
    case KeyShape::kList:
      return any_of({of_type("array"), texts(kExpressionPattern)});
    case KeyShape::kTimeOrPorts:
      return any_of({of_type("string"), ports().set("minProperties", 1)});
    case KeyShape::kMap:
      return reference(key.of);
    case KeyShape::kMaps:
      return map_of(reference(key.of), key.pattern);
    case KeyShape::kMapList:
      return list_of(reference(key.of)).set("minItems", 1);
    case KeyShape::kMapOrMapList:
      return any_of({reference(key.of), list_of(reference(key.of)).set("minItems", 1)});
    case KeyShape::kCommand:
      return any_of({of_type("string"), list_of(scalar()).set("minItems", 1)});
    case KeyShape::kProducts:
      return map_of(any_of({of_type("string"), reference(key.of)}), kIdentifierPattern);
    case KeyShape::kAnything:
      return Json::map();
  }
  std::abort();  // Every shape is named above.
}

// Exactly one of the actions that this section has; in a clause none is fine, too.
Json one_action(Section section) {
  Json::List alternatives;
  Json::List all;
  for (const std::string_view action : kActions) {
    const Key* key = find_key(section, action);
    if (key == nullptr || key->state != KeyState::kKnown) continue;
    const Json required = Json().set("required", Json::List{Json(action)});
    alternatives.push_back(required);
    all.push_back(required);
  }
  if (section == Section::kClause) {
    alternatives.push_back(Json().set("not", any_of(std::move(all))));
  }
  return alternatives;
}

Json of_section(Section section) {
  Json definition = of_type("object");
  definition.set("description", section_about(section));
  Json properties = Json::map();
  Json required = Json::list();
  for (const Key& key : keys_of(section)) {
    if (key.state != KeyState::kKnown) continue;
    Json property = of_shape(key);
    property.set("description", key.about);
    properties.set(key.name, std::move(property));
    if (key.is_required) required.push(Json(key.name));
  }
  definition.set("properties", std::move(properties));
  definition.set("additionalProperties", false);
  if (!required.as_list()->empty()) definition.set("required", std::move(required));
  const bool has_action =
      section == Section::kStep || section == Section::kBranch || section == Section::kClause;
  if (has_action) definition.set("oneOf", one_action(section));
  return definition;
}

}  // namespace

Json schema() {
  Json schema = Json::map();
  schema.set("$schema", "https://json-schema.org/draft/2020-12/schema");
  schema.set("title", "sluice.yaml");
  const Json app = of_section(Section::kApp);
  for (const auto& [name, value] : *app.as_map()) schema.set(name, value);
  Json definitions = Json::map();
  for (const Section section : kSections) {
    definitions.set(definition_of(section), of_section(section));
  }
  schema.set("$defs", std::move(definitions));
  return schema;
}

}  // namespace sluice::model

#pragma once

// What stands where a value is wanted: a literal, or a literal with `${…}` in it at any depth,
// whose trees are added to the texts of the step.

#include <string_view>
#include <vector>

#include "model/draft.h"
#include "model/report.h"
#include "model/yaml.h"

namespace sluice::model {

// Whether a `${` that is not escaped stands anywhere below, keys included.
bool has_expression(const YamlValue& value);

// Mistakes are reported; the value is then broken, and what it mentions is added to `mentions`.
DraftValue read_value(const YamlValue& value, DraftTexts& texts, std::vector<Mention>& mentions,
                      Report& report);
// `${…}` alone, as a condition or a list has it; `what` as in "'when' must be". Anything else is
// reported.
DraftValue read_condition(const YamlMember& member, DraftTexts& texts,
                          std::vector<Mention>& mentions, Report& report);

// All `a.b` of all `${…}` anywhere below, so that what was refused does not also look unused.
void collect_mentions(const YamlValue& value, std::vector<Mention>& mentions);

// Where a mistake in an expression is in the file.
Place place_of(const DraftTexts& texts, expr::Spot spot);

}  // namespace sluice::model
